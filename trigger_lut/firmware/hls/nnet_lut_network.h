#ifndef NNET_LUT_NETWORK_H_
#define NNET_LUT_NETWORK_H_

#include "ap_fixed.h"
#include <type_traits>

// What the code of a layer of tables, and of exact arithmetic beside it, is made of. The layers themselves are written
// out in parameters.h, as no two of their tables, sums and formats are the same.
namespace nnet {

enum lut_overflow { LUT_WRAP, LUT_SAT, LUT_SAT_SYM };

// A table entry of W bits. Synthesis sees exactly W bits. The emulator keeps the same value in a built-in type,
// because g++ needs minutes for large constant arrays of ap_int.
template <int W> struct lut_entry {
    static_assert(W <= 32, "table entries have at most 32 bits");
#ifdef __SYNTHESIS__
    typedef ap_int<W> type;
#else
    typedef typename std::conditional<(W <= 8), signed char, typename std::conditional<(W <= 16), short, int>::type>::type
        type;
#endif
};

// The bits of a fixed-point number of W bits, signed or not, as an integer.
template <int W, bool S, class data_T> ap_int<W + 1> lut_bits(const data_T &x) {
#pragma HLS INLINE
    ap_uint<W> bits = x.range(W - 1, 0);
    ap_int<W + 1> code = bits;
    if (S && bits[W - 1])
        code -= ap_int<W + 1>(1) << W;
    return code;
}

// A code in the format of a channel.
//   W      width of the code
//   SHIFT  fractional bits of the code less those of the channel: dropped where positive, rounded half up with RND
//   K, B   whether the channel is signed, and its width
template <int W, int SHIFT, bool K, int B, lut_overflow MODE, bool RND> ap_int<B + 1> lut_fit(const ap_int<W> &x) {
#pragma HLS INLINE
    const int left = SHIFT < 0 ? -SHIFT : 0;
    const int right = SHIFT > 0 ? SHIFT : 0;
    const int width = (W > B ? W : B) + left + right + 2;
    ap_int<width> code = x;
    if (RND && right > 0)
        code += ap_int<width>(1) << (right > 0 ? right - 1 : 0);
    code = (code << left) >> right;
    if (MODE != LUT_WRAP) {
        const ap_int<width> hi = (ap_int<width>(1) << (K ? B - 1 : B)) - 1;
        const ap_int<width> lo = !K ? ap_int<width>(0) : MODE == LUT_SAT_SYM ? ap_int<width>(-hi) : ap_int<width>(-hi - 1);
        if (code < lo)
            code = lo;
        else if (code > hi)
            code = hi;
    }
    ap_uint<B> low = code;
    ap_int<B + 1> fitted = low;
    if (K && low[B - 1])
        fitted -= ap_int<B + 1>(1) << B;
    return fitted;
}

// The same, counted from the smallest code of the format: what a table is addressed with.
template <int W, int SHIFT, bool K, int B, lut_overflow MODE, bool RND> unsigned lut_code(const ap_int<W> &x) {
#pragma HLS INLINE
    ap_uint<B> low = lut_fit<W, SHIFT, K, B, MODE, RND>(x);
    if (K)
        low[B - 1] = !low[B - 1];
    return low.to_uint();
}

// A sum, 0 where it is negative, in W bits; negative sums may need more.
template <int W, class sum_T> ap_int<W> lut_relu(const sum_T &sum) {
#pragma HLS INLINE
    return sum < 0 ? ap_int<W>(0) : ap_int<W>(sum);
}

template <class value_T> value_T lut_larger(const value_T &a, const value_T &b) {
#pragma HLS INLINE
    return a < b ? b : a;
}

// A code of W bits with F fractional bits as a number of the result's type, which may round or saturate: hls4ml joins
// a quantiser behind a layer with the layer's result.
template <int W, int F, class code_T, class res_T> void lut_result(const code_T &code, res_T &res) {
#pragma HLS INLINE
    // As wide as what is dropped: ap_types reads beyond the sign when it rounds at a bit further up.
    const int dropped = F - (res_T::width - res_T::iwidth);
    const int width = (dropped > W ? dropped : W) + 2;
    ap_int<width> bits = code;
    ap_fixed<width, width - F> exact;
    exact.range(width - 1, 0) = bits.range(width - 1, 0);
    res = exact;
}

} // namespace nnet

#endif
