// Runs an instrumented top-level module (prefix VTop) over the same vectors once for each fault; fault 0 is none.
//
//   simulation FIRST LAST VECTORS WORDS_IN WORDS_OUT LATENCY II INPUT EXPECTED RESULT
//
// INPUT: WORDS_IN words of 32 bits per vector, low word first, and at the end the bits in use. EXPECTED: WORDS_OUT words
// per vector. RESULT: for faults
// FIRST, ... LAST one 64-bit integer: the first vector at which data or valid bit are other than expected, or -1.
// With a fault they must be so for each way of filling undefined entries (input `fill`), else the vector does not count.
// Vectors follow each other after II cycles, and after twice as many before every eighth one. Idle cycles have the
// complement of the next vector.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "VTop.h"
#include "verilated.h"

static std::vector<uint32_t> read_words(const char* path, size_t count) {
    std::vector<uint32_t> words(count);
    std::FILE* file = std::fopen(path, "rb");
    if (!file || std::fread(words.data(), 4, count, file) != count) std::exit(4);
    std::fclose(file);
    return words;
}

constexpr int FILLS = 4;         // values of `fill`
constexpr int MOST_ATTEMPTS = 50;  // differences of a fault that are checked, as others may hang on `fill` too

struct Run {
    VTop& top;
    size_t vectors, words_in, words_out, latency, ii;
    const std::vector<uint32_t>&input, &expected;
    std::vector<uint32_t> out, idle;
    std::vector<int64_t> waiting;

    void cycle() {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }

    // The first cycle from `from` on, and behind `after`, in which an output is other than expected; -1: none up to `last`.
    // `vector` is set to the one that it is noticed by.
    int64_t first_difference(size_t fault, int fill, int64_t from, int64_t after, int64_t last, int64_t& vector) {
        top.fault = fault;
        top.fill = fill;
        top.valid_in = 0;
        for (size_t n = 0; n < 2 * latency + 2; ++n) cycle();
        std::fill(waiting.begin(), waiting.end(), -1);
        // A slot is II cycles; every ninth is idle. `waiting` is a ring: which vector, if any, must come out in this cycle.
        from -= from % static_cast<int64_t>(ii);
        const int64_t slot = from / static_cast<int64_t>(ii);
        size_t next = slot - (slot + 8) / 9;
        if (next > vectors) next = vectors;
        for (int64_t n = from; n <= last; ++n) {
            const bool gap = n % ii != 0 || n / ii % 9 == 0 || next >= vectors;
            const size_t at = n % latency;
            const uint32_t* words = &input[(next < vectors ? next : vectors - 1) * words_in];
            for (size_t w = 0; w < words_in; ++w) idle[w] = gap ? words[w] ^ input[vectors * words_in + w] : words[w];
            top.valid_in = !gap;
            std::memcpy(&top.data_in, idle.data(), sizeof(top.data_in));
            top.eval();
            const int64_t due = waiting[at];
            bool different = top.valid_out != (due >= 0);
            vector = due >= 0 ? due : static_cast<int64_t>(next);
            if (due >= 0) {
                std::fill(out.begin(), out.end(), 0);
                std::memcpy(out.data(), &top.data_out, sizeof(top.data_out));
                different |= std::memcmp(out.data(), &expected[due * words_out], 4 * words_out) != 0;
            }
            if (different && n > after) return n;
            waiting[at] = gap ? -1 : static_cast<int64_t>(next++);
            cycle();
        }
        return -1;
    }

    int64_t found(size_t fault) {
        const int64_t last = ii * (vectors + vectors / 8 + 1) + latency, before = latency + 4 + ii;
        int64_t vector = -1, other = -1, at = first_difference(fault, 0, 0, -1, last, vector);
        for (int attempt = 0; at >= 0 && attempt < MOST_ATTEMPTS; ++attempt) {
            const int64_t from = at > before ? at - before : 0;
            bool always = true;
            for (int fill = 1; fault && always && fill < FILLS; ++fill)
                always = first_difference(fault, fill, from, at - 1, at, other) == at;
            if (always) return vector;
            at = first_difference(fault, 0, from, at, last, vector);
        }
        return -1;
    }
};

int main(int argc, char** argv) {
    if (argc != 11) return 2;
    const size_t first = std::strtoull(argv[1], nullptr, 10), last = std::strtoull(argv[2], nullptr, 10);
    const size_t vectors = std::strtoull(argv[3], nullptr, 10);
    const size_t words_in = std::strtoull(argv[4], nullptr, 10), words_out = std::strtoull(argv[5], nullptr, 10);
    const size_t latency = std::strtoull(argv[6], nullptr, 10), ii = std::strtoull(argv[7], nullptr, 10);
    const std::vector<uint32_t> input = read_words(argv[8], (vectors + 1) * words_in);
    const std::vector<uint32_t> expected = read_words(argv[9], vectors * words_out);
    VerilatedContext context;
    context.randReset(2);
    context.randSeed(1);
    VTop top(&context);
    if (sizeof(top.data_in) > 4 * words_in || sizeof(top.data_out) > 4 * words_out) return 3;
    std::FILE* result = std::fopen(argv[10], "wb");
    if (!result) return 5;
    Run run{top, vectors, words_in, words_out, latency, ii, input, expected, {}, {}, {}};
    run.out.resize(words_out);
    run.idle.resize(words_in);
    run.waiting.resize(latency);
    top.clk = 0;
    for (size_t fault = first; fault <= last; ++fault) {
        const int64_t found = run.found(fault);
        if (std::fwrite(&found, 8, 1, result) != 1) return 6;
    }
    top.final();
    return std::fclose(result) ? 6 : 0;
}
