// Runs an instrumented top-level module (prefix VTop) over the same vectors once for each fault.
//
//   simulation FAULTS VECTORS WORDS_IN WORDS_OUT LATENCY INPUT EXPECTED RESULT
//
// INPUT: WORDS_IN words of 32 bits a vector, low word first, and at the end the bits in use; EXPECTED: WORDS_OUT a vector. RESULT: for fault 0 (none),
// 1, ... FAULTS one 64-bit integer: the first vector at which data or valid bit are other than expected, or -1.
// An idle cycle with the complement of the next vector comes before every eighth vector.
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

int main(int argc, char** argv) {
    if (argc != 9) return 2;
    const size_t faults = std::strtoull(argv[1], nullptr, 10), vectors = std::strtoull(argv[2], nullptr, 10);
    const size_t words_in = std::strtoull(argv[3], nullptr, 10), words_out = std::strtoull(argv[4], nullptr, 10);
    const size_t latency = std::strtoull(argv[5], nullptr, 10);
    const std::vector<uint32_t> input = read_words(argv[6], (vectors + 1) * words_in);
    const std::vector<uint32_t> expected = read_words(argv[7], vectors * words_out);
    VerilatedContext context;
    context.randReset(2);
    context.randSeed(1);
    VTop top(&context);
    if (sizeof(top.data_in) > 4 * words_in || sizeof(top.data_out) > 4 * words_out) return 3;
    const auto cycle = [&top] {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    };
    std::FILE* result = std::fopen(argv[8], "wb");
    if (!result) return 5;
    std::vector<uint32_t> out(words_out), idle(words_in);
    std::vector<int64_t> waiting(latency);
    top.clk = 0;
    for (size_t fault = 0; fault <= faults; ++fault) {
        top.fault = fault;
        top.valid_in = 0;
        for (size_t n = 0; n < 2 * latency + 2; ++n) cycle();
        std::fill(waiting.begin(), waiting.end(), -1);
        size_t at = 0, next = 0;
        int64_t found = -1;
        // `waiting` is a ring: which vector, if any, must come out in this cycle.
        for (size_t n = 0; found < 0 && n < vectors + vectors / 8 + latency + 2; ++n) {
            const bool gap = n % 9 == 0 || next >= vectors;
            const uint32_t* words = &input[(next < vectors ? next : vectors - 1) * words_in];
            for (size_t w = 0; w < words_in; ++w) idle[w] = gap ? words[w] ^ input[vectors * words_in + w] : words[w];
            top.valid_in = !gap;
            std::memcpy(&top.data_in, idle.data(), sizeof(top.data_in));
            top.eval();
            const int64_t due = waiting[at];
            if (top.valid_out != (due >= 0)) found = due >= 0 ? due : static_cast<int64_t>(next);
            if (due >= 0) {
                std::fill(out.begin(), out.end(), 0);
                std::memcpy(out.data(), &top.data_out, sizeof(top.data_out));
                if (std::memcmp(out.data(), &expected[due * words_out], 4 * words_out)) found = due;
            }
            waiting[at] = gap ? -1 : static_cast<int64_t>(next++);
            at = (at + 1) % latency;
            cycle();
        }
        if (std::fwrite(&found, 8, 1, result) != 1) return 6;
    }
    top.final();
    return std::fclose(result) ? 6 : 0;
}
