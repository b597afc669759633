#include "harness/given_networks.h"

#include <fstream>

#include "core/error.h"
#include "harness/held_out.h"
#include "models/trained_on.h"

namespace automask::harness {
namespace {

namespace fs = std::filesystem;
using core::JsonCursor;
using corruptions::Condition;

std::vector<Condition> conditions_of(const fs::path& file, bool with_estimator) {
  std::vector<Condition> seen;
  for (const std::string& name : models::trained_on(file, with_estimator)) seen.push_back(Condition::parse(name));
  return seen;
}

// `place`: where the manifest names the file.
std::vector<Condition> seen_by(const fs::path& file, bool with_estimator, const JsonCursor& place) {
  if (std::ifstream(file).fail())
    place.fail("the file " + file.string() + " cannot be read", "correct its permissions, or name another file");
  try {
    return conditions_of(file, with_estimator);
  } catch (const core::Error& error) {
    place.fail("the file's record of its training is damaged: " + error.where() + ": " + error.problem(),
               "export the checkpoint again, or name another file");
  }
}

void check(const fs::path& file, bool with_estimator, const JsonCursor& place, const Manifest& manifest) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return;
  for (const Condition& seen : seen_by(file, with_estimator, place))
    for (const Condition& unseen : manifest.held_out) {
      if (!shows(seen, unseen, manifest.conditions)) continue;
      const std::string held_out = "\"" + unseen.canonical() + "\"";
      place.fail("the network was trained on \"" + seen.canonical() + "\", so it knows something of " + held_out +
                     ", which is held out",
                 "remove " + held_out + " from held_out, or name a network that has seen nothing of it");
    }
}

bool is_file(const std::string& init) { return init != "scratch" && init != "published" && init != "clean"; }

}  // namespace

void check_given_networks(const Manifest& manifest, const methods::MethodSpec& method) {
  if (manifest.held_out.empty()) return;
  const JsonCursor root(manifest.document, manifest.file.string());
  const JsonCursor entry = root.at("methods").at(method.name);
  if (is_file(method.init)) check(method.init, false, entry.at("init"), manifest);
  if (method.files.empty()) return;
  const JsonCursor files = entry.at("file");
  const auto check_external = [&](const JsonCursor& place) {
    // Its estimator stays: an external network is taken as it is.
    check(manifest.beside(place.string()), true, place, manifest);
  };
  if (!files.value().is_object()) return check_external(files);
  for (const std::string& condition : files.keys()) check_external(files.at(condition));
}

}  // namespace automask::harness
