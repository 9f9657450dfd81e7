// Sums of table look-ups and their gradients on a CPU, as custom calls of XLA (typed foreign function interface).
//
// Tables are R rows of C floats. An event names one row per channel; the inner loop adds complete rows in vector
// registers. Events are cut into as many pieces as pay, at most one per thread of XLA's pool. Sizes and thread count
// alone decide which events are in a piece, and pieces are added up in order: the same bits in every run.
// A row outside the tables ends the step with an error before anything is read or written there.

#include "kernel_common.h"
#include "kernel_edges.h"

namespace {

// ------------------------------------------------------------------------------------------------ rows of events

// What one piece of the events needs; column blocks start at `column` within rows of `width` floats.
struct Piece {
    const int32_t* rows;
    int64_t begin, end, channels, width, column;
};

template <int C>
void sum_rows(const Piece& p, const float* table, float* y) {
    for (int64_t n = p.begin; n < p.end; ++n) {
        const int32_t* row = p.rows + n * p.channels;
        auto total = Row<C>::zero();
        for (int64_t i = 0; i < p.channels; ++i) total.add(Row<C>::load(table + row[i] * p.width + p.column));
        total.store(y + n * p.width + p.column);
    }
}

template <int C>
void scatter_rows(const Piece& p, const float* g, float* dt) {
    for (int64_t n = p.begin; n < p.end; ++n) {
        const int32_t* row = p.rows + n * p.channels;
        const auto one = Row<C>::load(g + n * p.width + p.column);
        for (int64_t i = 0; i < p.channels; ++i) {
            float* place = dt + row[i] * p.width + p.column;
            auto sum = Row<C>::load(place);
            sum.add(one);
            sum.store(place);
        }
    }
}

template <int C>
void slope_rows(const Piece& p, const float* slopes, const float* g, const bool* inside, float* dx) {
    for (int64_t n = p.begin; n < p.end; ++n) {
        const int64_t first = n * p.channels;
        const auto one = Row<C>::load(g + n * p.width + p.column);
        for (int64_t i = 0; i < p.channels; ++i) {
            const float dot = Row<C>::load(slopes + p.rows[first + i] * p.width + p.column).times(one).sum();
            const float here = inside[first + i] ? dot : 0.0f;
            dx[first + i] = p.column ? dx[first + i] + here : here;
        }
    }
}

using SumRows = void (*)(const Piece&, const float*, float*);
using SlopeRows = void (*)(const Piece&, const float*, const float*, const bool*, float*);

template <int... C>
constexpr std::array<SumRows, kWidest> sums(std::integer_sequence<int, C...>) {
    return {sum_rows<C + 1>...};
}
template <int... C>
constexpr std::array<SumRows, kWidest> scatters(std::integer_sequence<int, C...>) {
    return {scatter_rows<C + 1>...};
}
template <int... C>
constexpr std::array<SlopeRows, kWidest> slope_dots(std::integer_sequence<int, C...>) {
    return {slope_rows<C + 1>...};
}
constexpr auto kSum = sums(std::make_integer_sequence<int, kWidest>());
constexpr auto kScatter = scatters(std::make_integer_sequence<int, kWidest>());
constexpr auto kSlope = slope_dots(std::make_integer_sequence<int, kWidest>());

// Call for each block of columns the function made for that many.
template <class Table, class... Arguments>
void by_columns(const Table& made, Piece p, Arguments... arguments) {
    for (p.column = 0; p.column < p.width; p.column += kWidest) {
        made[std::min<int64_t>(p.width - p.column, kWidest) - 1](p, arguments...);
    }
}

// ------------------------------------------------------------------------------------------------ checks

// Smallest index of an entry outside [0, limit), or -1.
int64_t first_outside(const int32_t* values, int64_t begin, int64_t end, int64_t limit) {
    uint32_t largest = 0;
    for (int64_t k = begin; k < end; ++k) largest = std::max(largest, static_cast<uint32_t>(values[k]));
    if (begin >= end || largest < static_cast<uint64_t>(limit)) return -1;
    for (int64_t k = begin; k < end; ++k) {
        if (static_cast<uint32_t>(values[k]) >= static_cast<uint64_t>(limit)) return k;
    }
    return -1;
}

// Keeps the first wrong index of all pieces.
class Wrong {
  public:
    bool found(int64_t index) {
        if (index < 0) return false;
        int64_t lowest = first_.load();
        while (index < lowest && !first_.compare_exchange_weak(lowest, index)) {
        }
        return true;
    }
    ffi::Error error(const int32_t* values, int64_t channels, int64_t limit, const char* what) const {
        const int64_t index = first_.load();
        if (index == kNone) return ffi::Error::Success();
        return ffi::Error::InvalidArgument(
            std::string("trigger_lut: expected ") + what + " within 0.." + std::to_string(limit - 1) + ", found " +
            std::to_string(values[index]) + " at event " + std::to_string(index / channels) + ", channel " +
            std::to_string(index % channels));
    }

  private:
    static constexpr int64_t kNone = INT64_MAX;
    std::atomic<int64_t> first_{kNone};
};

// Run `prepare(piece)`, then `body(begin, end, piece)` over pieces of m events whose rows were found to be within
// [0, limit). Rows are checked a few events ahead of their use, while they are in the nearest cache.
template <class Prepare, class Body>
ffi::Error over_events(ffi::ThreadPool& pool, const Ints& rows, int64_t limit, int64_t pieces, const char* what,
                       Prepare prepare, Body body) {
    const int64_t m = rows.dimensions()[0], channels = rows.dimensions()[1];
    const int32_t* values = rows.typed_data();
    constexpr int64_t kBlock = 256;
    Wrong wrong;
    in_pieces(pool, pieces, [&](int64_t k) {
        prepare(k);
        const int64_t last = m * (k + 1) / pieces;
        for (int64_t begin = m * k / pieces; begin < last; begin += kBlock) {
            const int64_t end = std::min(begin + kBlock, last);
            if (wrong.found(first_outside(values, begin * channels, end * channels, limit))) return;
            body(begin, end, k);
        }
    });
    return wrong.error(values, channels, limit, what);
}

constexpr auto kNothing = [](int64_t) {};

// A copy of the result for each piece but the first, added up in order.
template <class T>
class Copies {
  public:
    Copies(T* result, int64_t size, int64_t pieces) : result_(result), size_(size), pieces_(pieces) {
        thread_local std::vector<T> kept;  // of the calling thread, which waits for all pieces
        if (static_cast<int64_t>(kept.size()) < size * (pieces - 1)) kept.resize(size * (pieces - 1));
        others_ = kept.data();
    }
    void clear(int64_t piece) const { std::memset(of(piece), 0, size_ * sizeof(T)); }
    T* of(int64_t piece) const { return piece ? others_ + (piece - 1) * size_ : result_; }
    void add_up(ffi::ThreadPool& pool) const {
        if (pieces_ == 1) return;
        const int64_t shares = pieces_for(pool, size_ * pieces_);
        in_pieces(pool, shares, [&](int64_t share) {
            for (int64_t p = 1; p < pieces_; ++p) {
                const T* other = of(p);
                for (int64_t k = size_ * share / shares; k < size_ * (share + 1) / shares; ++k) result_[k] += other[k];
            }
        });
    }

  private:
    T* result_;
    T* others_;
    int64_t size_, pieces_;
};

// Not more pieces than leave the copies cheaper than the work itself.
int64_t pieces_with_copies(ffi::ThreadPool& pool, int64_t additions, int64_t size) {
    return std::min(pieces_for(pool, additions), std::max<int64_t>(additions / (2 * std::max<int64_t>(size, 1)), 1));
}

// ------------------------------------------------------------------------------------------------ calls

// tables (R, C), rows (M, I) -> y (M, C)
ffi::Error sum(ffi::ThreadPool pool, Floats tables, Ints rows, ffi::Result<Floats> y) {
    const int64_t width = tables.dimensions()[1], m = rows.dimensions()[0], channels = rows.dimensions()[1];
    const float* table = tables.typed_data();
    float* to = y->typed_data();
    return over_events(pool, rows, tables.dimensions()[0], pieces_for(pool, m * channels * width), "a row", kNothing,
                       [=, &rows](int64_t begin, int64_t end, int64_t) {
                           by_columns(kSum, {rows.typed_data(), begin, end, channels, width, 0}, table, to);
                       });
}

// tables (R, C), of which the shape alone counts, rows (M, I), g (M, C) -> dT (R, C)
ffi::Error scatter(ffi::ThreadPool pool, Floats tables, Ints rows, Floats g, ffi::Result<Floats> dt) {
    const int64_t r = tables.dimensions()[0], width = tables.dimensions()[1];
    const int64_t m = rows.dimensions()[0], channels = rows.dimensions()[1];
    const int64_t pieces = pieces_with_copies(pool, m * channels * width, r * width);
    const Copies<float> copies(dt->typed_data(), r * width, pieces);
    const float* from = g.typed_data();
    ffi::Error error = over_events(
        pool, rows, r, pieces, "a row", [&](int64_t k) { copies.clear(k); },
        [=, &rows, &copies](int64_t begin, int64_t end, int64_t k) {
            by_columns(kScatter, {rows.typed_data(), begin, end, channels, width, 0}, from, copies.of(k));
        });
    if (error.success()) copies.add_up(pool);
    return error;
}

// slopes (R, C), rows (M, I), inside (M, I), g (M, C) -> dx (M, I)
ffi::Error slope(ffi::ThreadPool pool, Floats slopes, Ints rows, Bools inside, Floats g, ffi::Result<Floats> dx) {
    const int64_t width = slopes.dimensions()[1], m = rows.dimensions()[0], channels = rows.dimensions()[1];
    const float *table = slopes.typed_data(), *from = g.typed_data();
    const bool* within = inside.typed_data();
    float* to = dx->typed_data();
    return over_events(pool, rows, slopes.dimensions()[0], pieces_for(pool, m * channels * width), "a row", kNothing,
                       [=, &rows](int64_t begin, int64_t end, int64_t) {
                           const Piece piece = {rows.typed_data(), begin, end, channels, width, 0};
                           by_columns(kSlope, piece, table, from, within, to);
                       });
}

// address (M, I) in [0, K), like (I, K), of which the shape alone counts -> fraction of the events at each (I, K)
ffi::Error histogram(ffi::ThreadPool pool, Ints address, Floats like, ffi::Result<Floats> fractions) {
    const int64_t m = address.dimensions()[0], channels = address.dimensions()[1], entries = like.dimensions()[1];
    const int64_t size = channels * entries, pieces = pieces_with_copies(pool, m * channels * 4, size);
    static_assert(sizeof(int32_t) == sizeof(float), "counts and fractions use the same memory");
    int32_t* counts = reinterpret_cast<int32_t*>(fractions->typed_data());
    const Copies<int32_t> copies(counts, size, pieces);
    const int32_t* values = address.typed_data();
    ffi::Error error = over_events(
        pool, address, entries, pieces, "an address", [&](int64_t k) { copies.clear(k); },
        [=, &copies](int64_t begin, int64_t end, int64_t k) {
            int32_t* to = copies.of(k);
            for (int64_t n = begin; n < end; ++n) {
                for (int64_t i = 0; i < channels; ++i) ++to[i * entries + values[n * channels + i]];
            }
        });
    if (!error.success()) return error;
    copies.add_up(pool);
    for (int64_t k = 0; k < size; ++k) {
        const float fraction = static_cast<float>(counts[k]) / static_cast<float>(m);
        std::memcpy(counts + k, &fraction, sizeof(fraction));
    }
    return error;
}

XLA_FFI_DEFINE_HANDLER(sum_handler, sum, ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Ints>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER(scatter_handler, scatter,
                       ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Ints>().Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER(
    slope_handler, slope,
    ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Ints>().Arg<Bools>().Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER(histogram_handler, histogram,
                       ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Ints>().Arg<Floats>().Ret<Floats>());

}  // namespace

// Make the calls known to XLA. api: XLA_FFI_GetApi() of libtensorflow_framework. Returns what went wrong, or null.
extern "C" const char* trigger_lut_register(const XLA_FFI_Api* api) {
    static std::string said;
    const std::pair<const char*, XLA_FFI_Handler*> calls[] = {{"trigger_lut.sum", sum_handler},
                                                              {"trigger_lut.scatter", scatter_handler},
                                                              {"trigger_lut.slope", slope_handler},
                                                              {"trigger_lut.histogram", histogram_handler},
                                                              {"trigger_lut.edges", edges_handler},
                                                              {"trigger_lut.edge_gradients", edge_gradients_handler}};
    for (const auto& [name, handler] : calls) {
        if (XLA_FFI_Error* error = ffi::Ffi::RegisterStaticHandler(api, name, "Host", handler)) {
            said = ffi::internal::GetErrorMessage(api, error);
            ffi::internal::DestroyError(api, error);
            return said.c_str();
        }
    }
    return nullptr;
}
