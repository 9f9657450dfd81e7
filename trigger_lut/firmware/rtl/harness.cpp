// Drives a top-level module cycle by cycle. The module is verilated with the prefix VTop.
//
//   simulation CYCLES WORDS_IN WORDS_OUT INPUT OUTPUT
//
// INPUT: for each cycle one 32-bit word valid_in, then WORDS_IN words of data_in, low word first.
// OUTPUT: for each cycle valid_out and data_out alike, as seen in that cycle before its rising edge.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "VTop.h"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc != 6) return 2;
    const size_t cycles = std::strtoull(argv[1], nullptr, 10);
    const size_t words_in = std::strtoull(argv[2], nullptr, 10);
    const size_t words_out = std::strtoull(argv[3], nullptr, 10);
    VerilatedContext context;
    context.randReset(2);  // registers start with random bits: nothing may depend on a reset
    context.randSeed(1);
    VTop top(&context);
    if (sizeof(top.data_in) > 4 * words_in || sizeof(top.data_out) > 4 * words_out) return 3;

    std::FILE* input = std::fopen(argv[4], "rb");
    std::FILE* output = std::fopen(argv[5], "wb");
    if (!input || !output) return 4;
    std::vector<uint32_t> in(1 + words_in), out(1 + words_out);
    top.clk = 0;
    for (size_t cycle = 0; cycle < cycles; ++cycle) {
        if (std::fread(in.data(), 4, in.size(), input) != in.size()) return 5;
        top.valid_in = in[0] & 1;
        std::memcpy(&top.data_in, in.data() + 1, sizeof(top.data_in));
        top.eval();
        std::fill(out.begin(), out.end(), 0);
        out[0] = top.valid_out;
        std::memcpy(out.data() + 1, &top.data_out, sizeof(top.data_out));
        if (std::fwrite(out.data(), 4, out.size(), output) != out.size()) return 6;
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
    top.final();
    return std::fclose(output) ? 6 : 0;
}
