#pragma once
// A device is for one step at a time: whoever has the turn works, on the device and on this machine; others wait.
#include <filesystem>
#include <string>

namespace automask::harness::steps {

class Turn {
 public:
  // Waits for its turn at the device `name` of this store; Error(steps_failed) where its lock cannot be had,
  // Error(interrupted) once stop_requested().
  Turn(const std::filesystem::path& store, const std::string& name);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn();

  // Lets those who wait go first, one after the other.
  void pass_on();

 private:
  void take();

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace automask::harness::steps
