#include "harness/store_layout.h"

#include <cstdlib>
#include <system_error>

#include "core/error.h"

namespace automask::harness {

StoreLayout find_store(const std::optional<std::string>& option) {
  const char* variable = std::getenv("AUTOMASK_STORE");
  std::filesystem::path root = ".automask";
  if (option && !option->empty())
    root = *option;
  else if (variable != nullptr && *variable != '\0')
    root = variable;
  return {std::filesystem::absolute(root).lexically_normal()};
}

void create_store(const StoreLayout& store) {
  std::error_code error;
  std::filesystem::create_directories(store.cache(), error);
  if (error)
    throw core::Error(core::ExitCode::steps_failed, store.root.string(),
                      "the store cannot be created: " + error.message(), "choose a writable place with --store");
}

std::filesystem::path program_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::current_path() : program.parent_path();
}

}  // namespace automask::harness
