// Runs all readings of one design side by side and counts where they differ from the network.
//
//   judge SEED PHASE CYCLES WORDS_IN WORDS_OUT READINGS PLACES INPUT OUTPUT
//
// PHASE 0: inputs change while the clock is low; 1: right after its rising edge.
// INPUT: for each cycle 32-bit words: compare, valid_in, data_in, wanted valid_out, wanted data_out.
// OUTPUT: for each reading and each place (valid_out, then each output of the network) four 32-bit words: cycles that
// differ where valid_out is wanted, where it is not, the first such cycle, 0.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "VJudge.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

int main(int argc, char** argv) {
    if (argc != 10) return 2;
    const int seed = std::atoi(argv[1]), phase = std::atoi(argv[2]);
    const size_t cycles = std::strtoull(argv[3], nullptr, 10), words_in = std::strtoull(argv[4], nullptr, 10);
    const size_t words_out = std::strtoull(argv[5], nullptr, 10), readings = std::strtoull(argv[6], nullptr, 10);
    const size_t bits = readings * std::strtoull(argv[7], nullptr, 10);
    VerilatedContext context;
    context.randReset(2);
    context.randSeed(seed);
    VJudge top(&context);
    std::FILE* input = std::fopen(argv[8], "rb");
    std::FILE* output = std::fopen(argv[9], "wb");
    if (!input || !output) return 4;
    std::vector<uint32_t> row(3 + words_in + words_out), counts(4 * bits);
    std::vector<uint8_t> wrong(sizeof(top.wrong));
    if (sizeof(top.data_in) > 4 * words_in || sizeof(top.data_wanted) > 4 * words_out) return 3;
    top.clk = 0;
    top.eval();
    for (size_t cycle = 0; cycle < cycles && !context.gotFinish(); ++cycle) {
        if (std::fread(row.data(), 4, row.size(), input) != row.size()) return 5;
        top.valid_in = row[1] & 1;
        std::memcpy(&top.data_in, &row[2], sizeof(top.data_in));
        top.valid_wanted = row[2 + words_in] & 1;
        std::memcpy(&top.data_wanted, &row[3 + words_in], sizeof(top.data_wanted));
        top.eval();
        context.timeInc(1);
        if (phase) {
            top.clk = 0;
            top.eval();
        }
        std::memcpy(wrong.data(), &top.wrong, sizeof(top.wrong));
        for (size_t bit = 0; row[0] && bit < bits; ++bit) {
            if (!(wrong[bit / 8] >> (bit % 8) & 1)) continue;
            uint32_t* count = &counts[4 * bit];
            if (!count[0] && !count[1]) count[2] = cycle;
            ++count[top.valid_wanted ? 0 : 1];
        }
        top.clk = 1;
        top.eval();
        context.timeInc(1);
        if (!phase) {
            top.clk = 0;
            top.eval();
        }
    }
    if (context.gotFinish()) return 7;
    std::fwrite(counts.data(), 4, counts.size(), output);
    top.final();
    return std::fclose(output) ? 6 : 0;
}
