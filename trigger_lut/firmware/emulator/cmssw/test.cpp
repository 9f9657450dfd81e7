// Loads a library of the model with dlopen, as CMSSW does, and compares its outputs with expected ones, code by code:
//
//   ./test_@MODEL@ LIBRARY INPUTS EXPECTED [LIBRARY INPUTS EXPECTED ...]
//   ./test_@MODEL@ LIBRARY INPUTS                                          prints the outputs, one event a line
//   ./test_@MODEL@ --values LIBRARY VALUES                                 the same for real values of the inputs
//   ./test_@MODEL@ --events LIBRARY EVENTS                                 the same for events; - for one without codes
//
// Several libraries stay loaded at the same time, with global symbols, and take turns event by event.
#include <dlfcn.h>

#include <algorithm>
#include <any>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#if __has_include("hls4ml/emulator.h")
#include "hls4ml/emulator.h"
#else
#include "emulator.h"
#endif

namespace {

using Input = @IN_TYPE@;
using Output = @OUT_TYPE@;
template <class T>
using Rows = std::vector<std::vector<T>>;

template <class T>
Rows<T> read(const char* path) {
    std::ifstream file(path);
    if (!file) {
        std::cerr << path << ": cannot be read\n";
        std::exit(2);
    }
    Rows<T> rows;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        rows.emplace_back();
        for (T code = 0; words >> code;) rows.back().push_back(code);
    }
    return rows;
}

struct Case {
    std::string path;
    hls4mlEmulator::Model* model;
    void (*destroy)(hls4mlEmulator::Model*);
    Rows<Input> inputs;
    Rows<Output> expected;
};

std::vector<Output> outputs(const Case& one, std::size_t row) {
    std::vector<Output> found;
    one.model->prepare_input(one.inputs[row]);
    one.model->predict();
    one.model->read_result(&found);
    return found;
}

Case load(const char* path, const char* inputs) {
    void* library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
        std::cerr << dlerror() << "\n";
        std::exit(2);
    }
    const auto create = reinterpret_cast<hls4mlEmulator::Model* (*)()>(dlsym(library, "create_model"));
    const auto destroy = reinterpret_cast<void (*)(hls4mlEmulator::Model*)>(dlsym(library, "destroy_model"));
    if (create == nullptr || destroy == nullptr) {
        std::cerr << path << ": create_model and destroy_model: expected both\n";
        std::exit(2);
    }
    return {path, create(), destroy, inputs == nullptr ? Rows<Input>{} : read<Input>(inputs), {}};
}

constexpr bool is_list[] = {@IS_LIST@};
constexpr std::size_t branches = @BRANCHES@;

// Prints the outputs for each line of a file of real values or events.
int print(const std::string& kind, const char* library, const char* path) {
    const Case one = load(library, nullptr);
    std::ifstream file(path);
    if (!file) {
        std::cerr << path << ": cannot be read\n";
        return 2;
    }
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::vector<double> numbers;
        for (std::string word; words >> word;) numbers.push_back(std::strtod(word.c_str(), nullptr));
        std::any input = numbers;
        if (kind == "--events") {
            std::vector<std::vector<double>> lists(branches);
            auto next = numbers.begin();
            for (std::size_t n = 0; n < branches; ++n) {
                const auto left = static_cast<std::size_t>(numbers.end() - next);
                const std::size_t size = !is_list[n] ? 1 : left == 0 ? 1 : static_cast<std::size_t>(*next++);
                if (size > static_cast<std::size_t>(numbers.end() - next)) {
                    std::cerr << path << ": a line ends early\n";
                    return 2;
                }
                lists[n].assign(next, next + static_cast<std::ptrdiff_t>(size));
                next += static_cast<std::ptrdiff_t>(size);
            }
            input = lists;
        }
        std::vector<Output> found;
        try {
            one.model->prepare_input(input);
            one.model->predict();
            one.model->read_result(&found);
            for (const Output code : found) std::cout << code << " ";
            std::cout << "\n";
        } catch (const std::out_of_range&) {
            std::cout << "-\n";
        }
    }
    one.destroy(one.model);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::string(argv[1]).rfind("--", 0) == 0) return print(argv[1], argv[2], argv[3]);
    if (argc == 3) {
        const Case one = load(argv[1], argv[2]);
        for (std::size_t row = 0; row < one.inputs.size(); ++row) {
            for (const Output code : outputs(one, row)) std::cout << code << " ";
            std::cout << "\n";
        }
        one.destroy(one.model);
        return 0;
    }
    if (argc < 4 || argc % 3 != 1) {
        std::cerr << "usage: " << argv[0] << " LIBRARY INPUTS [EXPECTED [LIBRARY INPUTS EXPECTED ...]]\n";
        return 2;
    }
    std::vector<Case> cases;
    for (int n = 1; n < argc; n += 3) {
        cases.push_back(load(argv[n], argv[n + 1]));
        cases.back().expected = read<Output>(argv[n + 2]);
    }
    std::size_t events = 0, differences = 0;
    for (const auto& one : cases) {
        if (one.inputs.size() != one.expected.size() || one.inputs.empty()) {
            std::cerr << one.path << ": expected as many events as outputs, and at least one\n";
            return 2;
        }
        events = std::max(events, one.inputs.size());
    }
    for (std::size_t event = 0; event < events; ++event) {
        for (auto& one : cases) {
            const std::size_t row = event % one.inputs.size();
            if (outputs(one, row) == one.expected[row]) continue;
            if (++differences == 1) std::cerr << one.path << ": differs in event " << row << "\n";
        }
    }
    for (auto& one : cases) one.destroy(one.model);
    std::cout << events << " events, " << differences << " differences\n";
    return differences == 0 ? 0 : 1;
}
