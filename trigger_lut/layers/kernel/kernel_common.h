// Rows of floats in vector registers, and work shared among the threads of XLA's pool.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Ints = ffi::Buffer<ffi::S32>;
using Bools = ffi::Buffer<ffi::PRED>;

constexpr int kWidest = 32;  // floats of a row that are worked on at once

template <int W>
struct VectorOf {
    typedef float type __attribute__((vector_size(W * 4), aligned(4), may_alias));
};
template <>
struct VectorOf<1> {
    typedef float type;
};

constexpr int head_width(int c) { return c >= 16 ? 16 : c >= 8 ? 8 : c >= 4 ? 4 : 1; }

// C floats as vectors of 16, 8, 4 and 1, so that a row stays in registers.
template <int C>
struct Row {
    static constexpr int W = head_width(C);
    using Head = typename VectorOf<W>::type;
    Head head;
    Row<C - W> tail;

    static Row load(const float* from) {
        return {*reinterpret_cast<const Head*>(from), Row<C - W>::load(from + W)};
    }
    static Row zero() { return {Head{}, Row<C - W>::zero()}; }
    void store(float* to) const {
        *reinterpret_cast<Head*>(to) = head;
        tail.store(to + W);
    }
    void add(const Row& other) {
        head += other.head;
        tail.add(other.tail);
    }
    Row times(const Row& other) const { return {head * other.head, tail.times(other.tail)}; }
    float sum() const { return fold<W>(head) + tail.sum(); }

    template <int N>
    static float fold(const typename VectorOf<N>::type& v) {
        if constexpr (N == 1) {
            return v;
        } else if constexpr (N == 4) {
            return (v[0] + v[2]) + (v[1] + v[3]);
        } else {
            typename VectorOf<N / 2>::type low, high;
            std::memcpy(&low, &v, sizeof(low));
            std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof(low), sizeof(high));
            return fold<N / 2>(low + high);
        }
    }
};

template <>
struct Row<0> {
    static Row load(const float*) { return {}; }
    static Row zero() { return {}; }
    void store(float*) const {}
    void add(const Row&) {}
    Row times(const Row&) const { return {}; }
    float sum() const { return 0.0f; }
};

// ------------------------------------------------------------------------------------------------ threads

// Pieces are claimed one by one, by the calling thread too: it never waits for a piece that nobody has begun, so that
// calls which share the pool cannot block each other.
struct Work {
    const std::function<void(int64_t)>* piece;
    int64_t pieces;
    std::atomic<int64_t> next{0}, done{0};

    void take_part() {
        for (int64_t k; (k = next.fetch_add(1)) < pieces;) {
            (*piece)(k);
            done.fetch_add(1, std::memory_order_release);
        }
    }
};

void in_pieces(ffi::ThreadPool& pool, int64_t pieces, const std::function<void(int64_t)>& piece) {
    if (pieces <= 1) return piece(0);
    auto work = std::make_shared<Work>();
    work->piece = &piece;
    work->pieces = pieces;
    for (int64_t k = 1; k < pieces; ++k) pool.Schedule([work] { work->take_part(); });
    work->take_part();
    for (int spins = 0; work->done.load(std::memory_order_acquire) < pieces; ++spins) {
        if (spins > 1000) std::this_thread::yield();
    }
}

// Additions that are worth another thread: about 20 us.
constexpr int64_t kGrain = 1 << 17;

int64_t pieces_for(ffi::ThreadPool& pool, int64_t additions) {
    return std::clamp<int64_t>(additions / kGrain, 1, std::max<int64_t>(pool.num_threads(), 1));
}

}  // namespace
