// @MODEL@, version @VERSION@, behind the interface that CMSSW loads. Generated. C++17.
//
// Only create_model and destroy_model leave the library, so that models and versions share a process.
// An object serves one thread at a time.
#include <any>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#if __has_include("hls4ml/emulator.h")
#include "hls4ml/emulator.h"
#else
#include "emulator.h"
#endif

#include "NN/@NAME@.h"
#include "NN/@NAME@_values.h"
@EVENT_INCLUDE@@DECISION_INCLUDE@
namespace @NAME@ {
namespace {

class Emulator final : public hls4mlEmulator::Model {
public:
    // Accepts n_inputs codes (pointer to input_t, or std::vector of it) or n_inputs real values (double, float).
    // A real value is scaled, rounded and saturated as the data set describes its input.@EVENT_COMMENT@
    void prepare_input(std::any input) override {
        if (!take<input_t>(input) && !take<double>(input) && !take<float>(input)@EVENT_READ@)
            throw std::invalid_argument(
                "@MODEL@_v@VERSION@: prepare_input: expected a pointer to, or a std::vector of, input_t, double or "
                "float@EVENT_NAME@, found a std::any of type " +
                std::string(input.type().name()));
    }

    void predict() override { evaluate(in_.data(), out_.data()); }

    // Fills n_outputs codes (output_t) or real values (double, float) behind a pointer, or a std::vector that it
    // resizes.@DECISION_COMMENT@
    void read_result(std::any result) override {
        if (!give<output_t>(result) && !give<double>(result) && !give<float>(result)@DECISION_READ@)
            throw std::invalid_argument(
                "@MODEL@_v@VERSION@: read_result: expected a pointer to output_t, double, float@DECISION_NAME@ or to a "
                "std::vector of these, found a std::any of type " +
                std::string(result.type().name()));
    }

private:
    template <class T>
    void load(const T* values) {
        for (std::size_t n = 0; n < n_inputs; ++n) {
            if constexpr (std::is_same_v<T, input_t>) {
                if (values[n] < input_min[n] || values[n] > input_max[n])
                    throw std::out_of_range("@MODEL@_v@VERSION@: input " + std::to_string(n) + ": expected a code from " +
                                            std::to_string(input_min[n]) + " to " + std::to_string(input_max[n]) +
                                            ", found " + std::to_string(values[n]));
                in_[n] = values[n];
            } else {
                if (!encode_value(static_cast<double>(values[n]), n, in_[n]))
                    throw std::out_of_range("@MODEL@_v@VERSION@: input " + std::to_string(n) +
                                            ": expected a number, found NaN or infinity");
            }
        }
    }

    template <class T>
    bool take(const std::any& input) {
        if (const auto* pointer = std::any_cast<const T*>(&input)) return load(*pointer), true;
        if (const auto* pointer = std::any_cast<T*>(&input)) return load<T>(*pointer), true;
        const auto* values = std::any_cast<std::vector<T>>(&input);
        if (values == nullptr) return false;
        if (values->size() != n_inputs)
            throw std::invalid_argument("@MODEL@_v@VERSION@: prepare_input: expected " + std::to_string(n_inputs) +
                                        " values, found " + std::to_string(values->size()));
        return load(values->data()), true;
    }

    template <class T>
    void store(T* values) const {
        for (std::size_t n = 0; n < n_outputs; ++n) {
            if constexpr (std::is_same_v<T, output_t>)
                values[n] = out_[n];
            else
                values[n] = static_cast<T>(decode(out_[n], n));
        }
    }

    template <class T>
    bool give(const std::any& result) const {
        if (const auto* pointer = std::any_cast<T*>(&result)) return store(*pointer), true;
        const auto* values = std::any_cast<std::vector<T>*>(&result);
        if (values == nullptr) return false;
        (*values)->resize(n_outputs);
        return store((*values)->data()), true;
    }
@DECISION_METHOD@@EVENT_METHOD@
    std::array<input_t, n_inputs> in_{};
    std::array<output_t, n_outputs> out_{};
};

}  // namespace
}  // namespace @NAME@

extern "C" __attribute__((visibility("default"))) hls4mlEmulator::Model* create_model() {
    return new @NAME@::Emulator;
}

extern "C" __attribute__((visibility("default"))) void destroy_model(hls4mlEmulator::Model* model) { delete model; }
