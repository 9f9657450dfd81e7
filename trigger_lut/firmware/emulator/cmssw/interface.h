// The interface of CMS' hls4mlEmulatorExtras, written from its documented signatures for tests outside CMSSW.
// In CMSSW the header of that package is used instead of this one. Licence of this file: Apache-2.0.
#ifndef TRIGGER_LUT_TEST_EMULATOR_H
#define TRIGGER_LUT_TEST_EMULATOR_H

#include <any>

namespace hls4mlEmulator {

class Model {
public:
    virtual ~Model() = default;
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
};

}  // namespace hls4mlEmulator

#endif  // TRIGGER_LUT_TEST_EMULATOR_H
