// Runs the emulator over a file of input codes, one event a line:
//
//   g++ -std=c++17 -O2 example.cpp @NAME@.cpp -o example
//   ./example inputs.txt > outputs.txt
//   ./example inputs.txt 1000 > outputs.txt      a thousand times over; events a second of CPU time to stderr
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <vector>

#include "@NAME@.h"

int main(int argc, char** argv) {
    using namespace @NAME@;
    std::ifstream file(argc > 1 ? argv[1] : "");
    if (!file) {
        std::cerr << "usage: example inputs.txt [repetitions]\n";
        return 2;
    }
    std::vector<input_t> in;
    for (input_t code = 0; file >> code;) in.push_back(code);
    if (!file.eof() || in.size() % n_inputs != 0) {
        std::cerr << "expected " << n_inputs << " integers a line\n";
        return 2;
    }
    const std::size_t events = in.size() / n_inputs;
    std::vector<output_t> out(events * n_outputs);
    const long repetitions = argc > 2 ? std::atol(argv[2]) : 1;
    const std::clock_t start = std::clock();
    for (long n = 0; n < repetitions; ++n) evaluate(in.data(), out.data(), events);
    const double seconds = static_cast<double>(std::clock() - start) / static_cast<double>(CLOCKS_PER_SEC);
    if (argc > 2) std::cerr << static_cast<double>(events) * static_cast<double>(repetitions) / seconds << "\n";
    for (std::size_t event = 0; event < events; ++event) {
        for (std::size_t o = 0; o < n_outputs; ++o) std::cout << (o > 0 ? " " : "") << out[event * n_outputs + o];
        std::cout << "\n";
    }
    return 0;
}
