// Prints the input codes of a file of events, and with the argument `outputs` what the network makes of them:
//
//   g++ -std=c++17 -O2 -ffp-contract=off inputs.cpp @NAME@_inputs.cpp @NAME@.cpp -o inputs
//   ./inputs events.txt > codes.txt
//   ./inputs events.txt outputs > outputs.txt
//
// A line has the members of Event in order: a number, or the length of a list and its numbers. An event without codes
// gives a line "-".
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <type_traits>
#include <vector>

#include "@NAME@_inputs.h"

namespace {

using @NAME@::Event;

[[maybe_unused]] bool read(std::ifstream& file, double& value) {  // all branches may be integers
    std::string word;  // a stream reads no hexadecimal floating point
    if (!(file >> word)) return false;
    value = std::strtod(word.c_str(), nullptr);
    return true;
}

template <class T>
bool read(std::ifstream& file, T& value) {
    return static_cast<bool>(file >> value);
}

template <class T>
bool read(std::ifstream& file, std::vector<T>& values) {
    std::size_t count = 0;
    if (!(file >> count)) return false;
    values.clear();
    for (std::size_t n = 0; n < count; ++n) {
        T value{};
        if (!read(file, value)) return false;
        values.push_back(value);
    }
    return true;
}

bool read(std::ifstream& file, Event& event) { return @READ@; }

template <class T>
void print(const T* values, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) std::cout << (n > 0 ? " " : "") << values[n];
    std::cout << "\n";
}

}  // namespace

int main(int argc, char** argv) {
    using namespace @NAME@;
    std::ifstream file(argc > 1 ? argv[1] : "");
    if (!file) {
        std::cerr << "usage: inputs events.txt [outputs]\n";
        return 2;
    }
    std::vector<input_t> codes(n_inputs);
    std::vector<output_t> out(n_outputs);
    for (Event event; read(file, event);) {
        if (!encode_event(event, codes.data())) {
            std::cout << "-\n";
        } else if (argc > 2) {
            evaluate(codes.data(), out.data());
            print(out.data(), n_outputs);
        } else {
            print(codes.data(), n_inputs);
        }
    }
    return 0;
}
