#ifndef NNET_LUT_DENSE_H_
#define NNET_LUT_DENSE_H_

#include "ap_fixed.h"
#include <type_traits>

namespace nnet {

struct lut_dense_config {
    static const unsigned n_in = 1;
    static const unsigned n_out = 1;
    typedef ap_int<1> sum_t;
};

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

// The code of x in the format of a channel, counted from the smallest code of the format.
//   W, S   width of data_T, and whether it is signed
//   SHIFT  fractional bits of data_T less those of the channel: dropped (TRN) where positive
//   K, B   whether the channel is signed, and its width
//   SAT    saturate into the channel's format, or wrap
template <int W, bool S, int SHIFT, bool K, int B, bool SAT, class data_T> unsigned lut_code(const data_T &x) {
#pragma HLS INLINE
    const int left = SHIFT < 0 ? -SHIFT : 0;
    const int right = SHIFT > 0 ? SHIFT : 0;
    const int width = (W > B ? W : B) + left + 2;
    ap_uint<W> bits = x.range(W - 1, 0);
    ap_int<width> code = bits;
    if (S && bits[W - 1])
        code -= ap_int<width>(1) << W;
    code = (code << left) >> right;
    if (SAT) {
        const ap_int<width> lo = K ? ap_int<width>(-(ap_int<width>(1) << (B - 1))) : ap_int<width>(0);
        const ap_int<width> hi = (ap_int<width>(1) << (K ? B - 1 : B)) - 1;
        if (code < lo)
            code = lo;
        else if (code > hi)
            code = hi;
    }
    ap_uint<B> low = code;
    if (K)
        low[B - 1] = !low[B - 1];
    return low.to_uint();
}

// An exact sum as a fixed-point number: its bits, SHIFT places up.
template <int W, int SHIFT, class sum_T, class res_T> void lut_result(const sum_T &sum, res_T &res) {
#pragma HLS INLINE
    ap_int<W> bits = ap_int<W>(sum) << SHIFT;
    res.range(W - 1, 0) = bits.range(W - 1, 0);
}

// y[o] = bias[o] + sum over i of table[i][o][top bits of the code of x[i]]. The tables, as ROMs, and the sums are in
// the layer's configuration, because no two of them have the same size.
template <class data_T, class res_T, typename CONFIG_T>
void lut_dense(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out]) {
#pragma HLS PIPELINE II=1
    typename CONFIG_T::sum_t sums[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=sums complete
    CONFIG_T::evaluate(data, sums);
    CONFIG_T::write(sums, res);
}

} // namespace nnet

#endif
