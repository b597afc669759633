#include "core/error.h"

#include <utility>

namespace automask::core {
namespace {

std::string sentence(const std::string& where, const std::string& problem, const std::string& remedy) {
  std::string text = where.empty() ? problem : where + ": " + problem;
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

}  // namespace

Error::Error(ExitCode code, std::string where, std::string problem, std::string remedy)
    : std::runtime_error(sentence(where, problem, remedy)),
      code_(code),
      where_(std::move(where)),
      problem_(std::move(problem)),
      remedy_(std::move(remedy)) {}

}  // namespace automask::core
