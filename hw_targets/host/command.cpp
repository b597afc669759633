#include "hw_targets/host/command.h"

#include <filesystem>
#include <system_error>

namespace automask::host {
namespace {

constexpr const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

}  // namespace

std::vector<std::string> command_words(const RunnerSpec& spec) {
  if (spec.ssh) {
    // -T: no terminal, which would change line ends. BatchMode: a password nobody can type is a failure, not a wait.
    std::vector<std::string> words = {"ssh", "-T", "-o", "BatchMode=yes"};
    words.insert(words.end(), spec.ssh->options.begin(), spec.ssh->options.end());
    words.insert(words.end(), {"--", spec.ssh->host, joined(spec.command)});
    return words;
  }
  std::vector<std::string> words = spec.command;
  if (words.front().find('/') != std::string::npos) return words;
  std::error_code ignored;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / words.front();
  if (std::filesystem::is_regular_file(beside, ignored)) words.front() = beside.string();
  return words;
}

std::string command_line(const RunnerSpec& spec) { return joined(spec.ssh ? command_words(spec) : spec.command); }

}  // namespace automask::host
