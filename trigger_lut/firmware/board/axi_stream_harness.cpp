// Drives an AXI4-Stream module cycle by cycle. The module is verilated with the prefix VTop.
//
//   simulation CYCLES BEATS WORDS_IN WORDS_OUT INPUT OUTPUT
//
// INPUT: for each beat one 32-bit word tlast, then WORDS_IN words of tdata, low word first. Then for each cycle one word:
// bit 0: the source may offer its next beat, bit 1: the sink is ready, bit 2: reset.
// OUTPUT: for each cycle, as seen before its rising edge, one word of bits: 0 a beat was accepted, 1 m_axis_tvalid,
// 2 m_axis_tready, 3 m_axis_tlast, 4 frame_error; then WORDS_OUT words of m_axis_tdata.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "VTop.h"
#include "verilated.h"

#define READY @READY@
#define LAST_WORD @LAST_WORD@u  // bits of the last word of s_axis_tdata

int main(int argc, char** argv) {
    if (argc != 7) return 2;
    const size_t cycles = std::strtoull(argv[1], nullptr, 10);
    const size_t beats = std::strtoull(argv[2], nullptr, 10);
    const size_t words_in = std::strtoull(argv[3], nullptr, 10);
    const size_t words_out = std::strtoull(argv[4], nullptr, 10);
    VerilatedContext context;
    context.randReset(2);
    context.randSeed(1);
    VTop top(&context);
    if (sizeof(top.s_axis_tdata) > 4 * words_in || sizeof(top.m_axis_tdata) > 4 * words_out) return 3;

    std::FILE* input = std::fopen(argv[5], "rb");
    std::FILE* output = std::fopen(argv[6], "wb");
    if (!input || !output) return 4;
    std::vector<uint32_t> packets(beats * (1 + words_in)), plan(cycles), out(1 + words_out);
    if (std::fread(packets.data(), 4, packets.size(), input) != packets.size()) return 5;
    if (std::fread(plan.data(), 4, plan.size(), input) != plan.size()) return 5;
    size_t next = 0;
    bool offered = false;  // a beat that was offered stays until it is accepted
    uint32_t noise = 1;
    top.aclk = 0;
    for (size_t cycle = 0; cycle < cycles; ++cycle) {
        const bool reset = plan[cycle] & 4;
        offered = !reset && next < beats && (offered || (plan[cycle] & 1));
        std::vector<uint32_t> beat(1 + words_in);
        for (uint32_t& word : beat) word = noise = noise * 1664525u + 1013904223u;
        if (offered) std::memcpy(beat.data(), packets.data() + next * beat.size(), 4 * beat.size());
        beat.back() &= LAST_WORD;
        top.aresetn = !reset;
        top.s_axis_tvalid = offered;
        top.s_axis_tlast = beat[0] & 1;
        std::memcpy(&top.s_axis_tdata, beat.data() + 1, sizeof(top.s_axis_tdata));
#if READY
        const bool sink = plan[cycle] & 2;
        top.m_axis_tready = sink;
        top.eval();
        const bool accepted = offered && top.s_axis_tready;
#else
        const bool sink = true;
        top.eval();
        const bool accepted = offered;
#endif
        std::fill(out.begin(), out.end(), 0);
        out[0] = accepted | top.m_axis_tvalid << 1 | sink << 2 | top.m_axis_tlast << 3 | top.frame_error << 4;
        std::memcpy(out.data() + 1, &top.m_axis_tdata, sizeof(top.m_axis_tdata));
        if (std::fwrite(out.data(), 4, out.size(), output) != out.size()) return 6;
        if (accepted) ++next, offered = false;
        top.aclk = 1;
        top.eval();
        top.aclk = 0;
        top.eval();
    }
    top.final();
    return std::fclose(output) ? 6 : 0;
}
