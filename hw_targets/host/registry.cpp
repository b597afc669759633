#include "hw_targets/host/registry.h"

#include <algorithm>
#include <utility>

namespace automask::host {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t smallest_size = 4096, largest_size = std::int64_t(1) << 40;
constexpr double longest_limit = 7 * 24 * 3600;  // a week: what is longer is a slip

// One table for names, reading and "did you mean".
const std::pair<const char*, double Limits::*> limit_fields[] = {
    {"initialize", &Limits::initialize}, {"load", &Limits::load},
    {"prepare", &Limits::prepare},       {"message", &Limits::message},
    {"run_base", &Limits::run_base},     {"run_per_inference", &Limits::run_per_inference},
    {"shutdown", &Limits::shutdown}};

const std::pair<const char*, std::uint64_t Limits::*> size_fields[] = {
    {"answer_bytes", &Limits::answer_bytes},
    {"long_answer_bytes", &Limits::long_answer_bytes},
    {"frame_bytes", &Limits::frame_bytes}};

Limits read_limits(const core::JsonCursor& cursor) {
  std::vector<std::string> names;
  for (const auto& [name, field] : limit_fields) names.emplace_back(name);
  for (const auto& [name, field] : size_fields) names.emplace_back(name);
  cursor.only_keys(names);
  Limits limits;
  for (const auto& [name, field] : limit_fields) {
    if (!cursor.has(name)) continue;
    const core::JsonCursor limit = cursor.at(name);
    const double seconds = limit.number();
    if (!(seconds > 0 && seconds <= longest_limit))
      limit.fail("a time limit must be more than 0 seconds and at most a week");
    limits.*field = seconds;
  }
  for (const auto& [name, field] : size_fields)
    if (cursor.has(name))
      limits.*field = static_cast<std::uint64_t>(cursor.at(name).integer_in(smallest_size, largest_size));
  return limits;
}

Ssh read_ssh(const core::JsonCursor& cursor) {
  cursor.only_keys({"host", "options"});
  Ssh ssh;
  ssh.host = cursor.at("host").string();
  // A host that ssh would take for an option could start a program of its own choice (-oProxyCommand=...).
  if (ssh.host.empty() || ssh.host.front() == '-' || ssh.host.find_first_of(" \t\n") != std::string::npos)
    cursor.at("host").fail("is no name of a machine", "write \"board\" or \"user@board\"");
  if (cursor.has("options")) ssh.options = cursor.at("options").strings();
  return ssh;
}

RunnerSpec read_spec(const fs::path& file) {
  const core::Json document = core::read_json_file(file, core::ExitCode::usage);
  const core::JsonCursor cursor(document, file.string(), "", core::ExitCode::usage);
  cursor.only_keys({"name", "command", "ssh", "limits"});
  RunnerSpec spec = runner_from_json(cursor);
  spec.file = file.string();
  std::string& program = spec.command.front();
  if (!spec.ssh && program.find('/') != std::string::npos && fs::path(program).is_relative())
    program = fs::absolute(file.parent_path() / program).lexically_normal().string();
  return spec;
}

std::vector<RunnerSpec> built_in() {
  RunnerSpec cuda{"cuda", {"automask-runner-cuda"}, {}, "built in"};
  cuda.limits.prepare = 1800;  // compiles and times a dozen kernels a layer, once: they are kept on disk
  return {{"cpu", {"automask-runner-cpu"}, {}, "built in"}, cuda};
}

}  // namespace

core::Json to_json(const RunnerSpec& spec) {
  core::Json limits = core::Json::object();
  for (const auto& [name, field] : limit_fields) limits[name] = spec.limits.*field;
  for (const auto& [name, field] : size_fields) limits[name] = spec.limits.*field;
  core::Json json = {{"name", spec.name}, {"command", spec.command}, {"limits", limits}, {"file", spec.file}};
  if (spec.ssh) json["ssh"] = {{"host", spec.ssh->host}, {"options", spec.ssh->options}};
  return json;
}

RunnerSpec runner_from_json(const core::JsonCursor& cursor) {
  cursor.only_keys({"name", "command", "ssh", "limits", "file"});
  RunnerSpec spec;
  spec.name = cursor.at("name").string();
  if (spec.name.empty()) cursor.at("name").fail("a runner needs a name");
  spec.command = cursor.at("command").strings();
  if (spec.command.empty() || spec.command.front().empty())
    cursor.at("command").fail("a runner needs a program to start", "write [\"program\", \"argument\", ...]");
  if (cursor.has("limits")) spec.limits = read_limits(cursor.at("limits"));
  if (cursor.has("ssh")) spec.ssh = read_ssh(cursor.at("ssh"));
  spec.file = cursor.string_or("file", "");
  return spec;
}

std::vector<RunnerSpec> load_registry(const std::vector<fs::path>& folders) {
  std::vector<RunnerSpec> registry = built_in();
  for (const fs::path& folder : folders) {
    std::error_code unreadable;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, unreadable))
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    if (unreadable && unreadable != std::errc::no_such_file_or_directory)
      throw core::Error(core::ExitCode::usage, folder.string(), "cannot list the runners: " + unreadable.message(),
                        "check the runner search path");
    std::sort(files.begin(), files.end());  // a folder's own order differs between machines
    for (const fs::path& file : files) {
      RunnerSpec spec = read_spec(file);
      const auto same = std::find_if(registry.begin(), registry.end(),
                                     [&](const RunnerSpec& other) { return other.name == spec.name; });
      if (same != registry.end()) {
        *same = std::move(spec);
      } else {
        registry.push_back(std::move(spec));
      }
    }
  }
  return registry;
}

RunnerSpec find_runner(const std::vector<RunnerSpec>& registry, const std::string& name) {
  std::vector<std::string> names;
  for (const RunnerSpec& spec : registry) {
    if (spec.name == name) return spec;
    names.push_back(spec.name);
  }
  throw core::Error(core::ExitCode::usage, "runner " + name, "no such runner is registered",
                    core::suggestion(name, names));
}

}  // namespace automask::host
