// Prints the decision for a file of output codes, one event a line:
//
//   g++ -std=c++17 -O2 decide.cpp -o decide
//   ./decide outputs.txt > decisions.txt
#include <fstream>
#include <iostream>
#include <vector>

#include "@NAME@_decision.h"

int main(int argc, char** argv) {
    using namespace @NAME@;
    std::ifstream file(argc > 1 ? argv[1] : "");
    if (!file) {
        std::cerr << "usage: decide outputs.txt\n";
        return 2;
    }
    std::vector<output_t> out;
    for (output_t code = 0; file >> code;) out.push_back(code);
    if (!file.eof() || out.size() % n_outputs != 0) {
        std::cerr << "expected " << n_outputs << " integers a line\n";
        return 2;
    }
    for (std::size_t event = 0; event < out.size() / n_outputs; ++event) {
        bool bits[n_decisions];
        decide(out.data() + event * n_outputs, bits);
        for (std::size_t n = 0; n < n_decisions; ++n) std::cout << (n > 0 ? " " : "") << bits[n];
        std::cout << "\n";
    }
    return 0;
}
