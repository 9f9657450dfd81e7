// The networks behind edges: one hidden layer of H tanh units, evaluated on the inputs of all table entries.
//
//   phi(u) = sum_h w2[h] * tanh(w1[h] * u + b1[h])
//
// Entries of an edge whose input is that of the entry before share its value: an edge of m address bits is evaluated
// 2**m times, however many entries its table has.
#pragma once

#include "kernel_common.h"

namespace {

// Rational approximation as in Eigen (generic_fast_tanh_float), a few units in the last place.
template <class Vector>
Vector tanh_of(const Vector& x) {
    const Vector limit = Vector{} + 7.90531110763549805f;
    const Vector low = x < -limit ? -limit : x;
    const Vector v = low > limit ? limit : low;
    const Vector s = v * v;
    Vector p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    Vector q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return v * p / q;
}

// A function of vectors, applied to each part of rows.
template <int C, class F>
Row<C> by_parts(const F& f, const Row<C>& a) {
    if constexpr (C == 0) {
        return {};
    } else {
        return {f(a.head), by_parts(f, a.tail)};
    }
}

template <int H>
struct Edge {
    Row<H> w1, b1, w2;

    Edge(const float* first, const float* shift, const float* second, int64_t edge)
        : w1(Row<H>::load(first + edge * H)), b1(Row<H>::load(shift + edge * H)), w2(Row<H>::load(second + edge * H)) {}

    Row<H> hidden(float u) const {
        Row<H> x = by_parts([u](auto v) { return v * u; }, w1);
        x.add(b1);
        return by_parts([](auto v) { return tanh_of(v); }, x);
    }
};

template <int H>
Row<H> one_minus_square(const Row<H>& h) {
    return by_parts([](auto v) { return 1.0f - v * v; }, h);
}

// Sizes of a call: `groups` places times channels, each with `entries` inputs a column.
struct EdgeSizes {
    int64_t groups, channels, entries, columns;
};

template <int H>
void edge_values(const EdgeSizes& z, int64_t group, const float* const* weights, const float* u, float* values,
                 float* slopes) {
    for (int64_t o = 0; o < z.columns; ++o) {
        const Edge<H> edge(weights[0], weights[1], weights[2], group % z.channels * z.columns + o);
        const Row<H> steep = edge.w1.times(edge.w2);
        float before = 0, value = 0, slope = 0;
        for (int64_t k = 0; k < z.entries; ++k) {
            const int64_t at = (group * z.entries + k) * z.columns + o;
            if (k == 0 || !(u[at] == before)) {
                before = u[at];
                const Row<H> h = edge.hidden(before);
                value = h.times(edge.w2).sum();
                slope = one_minus_square(h).times(steep).sum();
            }
            values[at] = value;
            slopes[at] = slope;
        }
    }
}

template <int H>
void edge_gradients(const EdgeSizes& z, int64_t channel, const float* const* weights, const float* u, const float* g,
                    float* const* found) {
    for (int64_t o = 0; o < z.columns; ++o) {
        const int64_t number = channel * z.columns + o;
        const Edge<H> edge(weights[0], weights[1], weights[2], number);
        Row<H> d1 = Row<H>::zero(), shift = Row<H>::zero(), d2 = Row<H>::zero();
        for (int64_t group = channel; group < z.groups; group += z.channels) {
            const int64_t first = group * z.entries * z.columns + o;
            for (int64_t k = 0; k < z.entries;) {
                const float here = u[first + k * z.columns];
                float total = g[first + k * z.columns];
                for (++k; k < z.entries && u[first + k * z.columns] == here; ++k) total += g[first + k * z.columns];
                const Row<H> h = edge.hidden(here);
                d2.add(by_parts([total](auto v) { return v * total; }, h));
                const Row<H> before = one_minus_square(h).times(by_parts([total](auto v) { return v * total; }, edge.w2));
                shift.add(before);
                d1.add(by_parts([here](auto v) { return v * here; }, before));
            }
        }
        d1.store(found[0] + number * H);
        shift.store(found[1] + number * H);
        d2.store(found[2] + number * H);
    }
}

using EdgeValues = void (*)(const EdgeSizes&, int64_t, const float* const*, const float*, float*, float*);
using EdgeGradients = void (*)(const EdgeSizes&, int64_t, const float* const*, const float*, const float*,
                               float* const*);

template <int... H>
constexpr std::array<EdgeValues, sizeof...(H)> values_made(std::integer_sequence<int, H...>) {
    return {edge_values<H + 1>...};
}
template <int... H>
constexpr std::array<EdgeGradients, sizeof...(H)> gradients_made(std::integer_sequence<int, H...>) {
    return {edge_gradients<H + 1>...};
}
constexpr int kMostUnits = 16;
constexpr auto kEdgeValues = values_made(std::make_integer_sequence<int, kMostUnits>());
constexpr auto kEdgeGradients = gradients_made(std::make_integer_sequence<int, kMostUnits>());

// Or an error, when the sizes do not fit each other.
ffi::Error edge_sizes(const Floats& u, const Floats& w1, int64_t entries, EdgeSizes& z) {
    const int64_t edges = w1.dimensions()[0], units = w1.dimensions()[1];
    z.columns = u.dimensions()[1];
    z.entries = entries;
    z.channels = z.columns ? edges / z.columns : 0;
    z.groups = entries ? u.dimensions()[0] / entries : 0;
    const bool whole = z.channels * z.columns == edges && z.groups * entries == u.dimensions()[0] && z.channels > 0;
    if (!whole || z.groups % z.channels || units < 1 || units > kMostUnits) {
        return ffi::Error::InvalidArgument("trigger_lut: sizes of inputs and weights of edges do not fit each other");
    }
    return ffi::Error::Success();
}

// u (P * I * K, C), w1, b1, w2 (I * C, H) -> values and slopes, each as u
ffi::Error edges(ffi::ThreadPool pool, Floats u, Floats w1, Floats b1, Floats w2, ffi::Result<Floats> values,
                 ffi::Result<Floats> slopes, int64_t entries) {
    EdgeSizes z;
    if (ffi::Error error = edge_sizes(u, w1, entries, z); error.failure()) return error;
    const float* weights[] = {w1.typed_data(), b1.typed_data(), w2.typed_data()};
    const int64_t units = w1.dimensions()[1];
    const int64_t pieces = std::min(pieces_for(pool, z.groups * z.entries * z.columns * units * 4), z.groups);
    in_pieces(pool, pieces, [&](int64_t piece) {
        for (int64_t group = z.groups * piece / pieces; group < z.groups * (piece + 1) / pieces; ++group) {
            kEdgeValues[units - 1](z, group, weights, u.typed_data(), values->typed_data(), slopes->typed_data());
        }
    });
    return ffi::Error::Success();
}

// ..., g as u -> gradients to w1, b1, w2; each edge's are summed by one thread in order
ffi::Error edge_gradients_call(ffi::ThreadPool pool, Floats u, Floats w1, Floats b1, Floats w2, Floats g,
                               ffi::Result<Floats> d1, ffi::Result<Floats> db, ffi::Result<Floats> d2,
                               int64_t entries) {
    EdgeSizes z;
    if (ffi::Error error = edge_sizes(u, w1, entries, z); error.failure()) return error;
    const float* weights[] = {w1.typed_data(), b1.typed_data(), w2.typed_data()};
    float* found[] = {d1->typed_data(), db->typed_data(), d2->typed_data()};
    const int64_t units = w1.dimensions()[1];
    const int64_t pieces = std::min(pieces_for(pool, z.groups * z.entries * z.columns * units * 4), z.channels);
    in_pieces(pool, pieces, [&](int64_t piece) {
        for (int64_t i = z.channels * piece / pieces; i < z.channels * (piece + 1) / pieces; ++i) {
            kEdgeGradients[units - 1](z, i, weights, u.typed_data(), g.typed_data(), found);
        }
    });
    return ffi::Error::Success();
}

XLA_FFI_DEFINE_HANDLER(edges_handler, edges,
                       ffi::Ffi::Bind()
                           .Ctx<ffi::ThreadPool>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Ret<Floats>()
                           .Ret<Floats>()
                           .Attr<int64_t>("entries"));
XLA_FFI_DEFINE_HANDLER(edge_gradients_handler, edge_gradients_call,
                       ffi::Ffi::Bind()
                           .Ctx<ffi::ThreadPool>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Arg<Floats>()
                           .Ret<Floats>()
                           .Ret<Floats>()
                           .Ret<Floats>()
                           .Attr<int64_t>("entries"));

}  // namespace
