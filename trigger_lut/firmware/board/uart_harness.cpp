// Drives a module with a serial port, bit by bit. The module is verilated with the prefix VTop.
//
//   simulation CLOCKS_PER_BIT BYTES_IN BYTES_OUT EVENTS INPUT OUTPUT
//
// INPUT: BYTES_IN bytes an event. OUTPUT: BYTES_OUT bytes an event. The next event is sent after the answer.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "VTop.h"
#include "verilated.h"

namespace {

struct Board {
    VTop& top;
    size_t clocks_per_bit;
    std::vector<uint8_t> received;
    size_t left = 0, wait = 0;  // of the byte that arrives: bits, and clocks to the middle of the next one
    uint8_t byte = 0;

    void clock(bool level) {
        top.@RX@ = level;
        top.eval();
        top.@CLK@ = 1;
        top.eval();
        top.@CLK@ = 0;
        top.eval();
        const bool line = top.@TX@;
        if (left == 0) {
            if (!line) {
                left = 9;
                wait = clocks_per_bit + clocks_per_bit / 2;
            }
        } else if (--wait == 0) {
            wait = clocks_per_bit;
            if (--left == 0) {
                if (!line) std::exit(7);  // no stop bit
                received.push_back(byte);
            } else {
                byte = static_cast<uint8_t>(byte >> 1 | line << 7);
            }
        }
    }

    void level(bool bit) {
        for (size_t n = 0; n < clocks_per_bit; ++n) clock(bit);
    }

    void send(uint8_t value) {
        level(false);
        for (int bit = 0; bit < 8; ++bit) level(value >> bit & 1);
        level(true);
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) return 2;
    const size_t clocks_per_bit = std::strtoull(argv[1], nullptr, 10);
    const size_t bytes_in = std::strtoull(argv[2], nullptr, 10), bytes_out = std::strtoull(argv[3], nullptr, 10);
    const size_t events = std::strtoull(argv[4], nullptr, 10);
    VerilatedContext context;
    VTop top(&context);
    std::FILE* input = std::fopen(argv[5], "rb");
    std::FILE* output = std::fopen(argv[6], "wb");
    if (!input || !output) return 4;
    Board board{top, clocks_per_bit, {}};
    top.@CLK@ = 0;
    for (int n = 0; n < 20; ++n) board.level(true);
    std::vector<uint8_t> given(bytes_in);
    for (size_t event = 0; event < events; ++event) {
        if (std::fread(given.data(), 1, bytes_in, input) != bytes_in) return 5;
        board.received.clear();
        for (uint8_t value : given) board.send(value);
        const size_t most = clocks_per_bit * 20 * (bytes_out + 100);
        for (size_t n = 0; n < most && board.received.size() < bytes_out; ++n) board.clock(true);
        if (board.received.size() != bytes_out) return 6;
        if (std::fwrite(board.received.data(), 1, bytes_out, output) != bytes_out) return 8;
    }
    top.final();
    return std::fclose(output) ? 8 : 0;
}
