// The operators for another program to call. On standard input, again and again: one line of JSON, then the picture's
// bytes [rows][cols][channels], then `field` numbers of float32; on standard output: one line of JSON, then the bytes
// of the result.
//
//   {"operator": "fog", "severity": 3, "edition": "compat", "rows": 224, "cols": 224, "channels": 3,
//    "field": 65535, "key": 7, "frost": "", "repeat": 1}
//
// With "field" the random numbers come from there, else from the stream `key`. "milliseconds" holds one time a repeat.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

#include "corruptions/corruption.h"
#include "corruptions/fields.h"

namespace {

using namespace automask;
using corruptions::OperatorSettings;

template <class Table>
const auto& entry(const Table& table, const std::string& name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& op) { return op.name == name; });
  if (found == table.end()) throw std::runtime_error("no operator " + name);
  return *found;
}

template <class T>
void read(std::vector<T>& out) {
  if (!std::cin.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T))))
    throw std::runtime_error("standard input ends too early");
}

void serve(const core::Json& job) {
  const int rows = job.at("rows"), cols = job.at("cols"), channels = job.at("channels"), severity = job.at("severity");
  const std::string name = job.at("operator");
  const OperatorSettings settings{corruptions::parse_edition(job.at("edition").get<std::string>()),
                                  job.value("frost", std::string())};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols * channels));
  read(bytes);
  const cv::Mat picture(rows, cols, CV_8UC(channels), bytes.data());
  std::vector<float> field(job.value("field", std::size_t{0}));
  read(field);

  cv::Mat result;
  core::Json times = core::Json::array();
  for (int i = 0; i < job.value("repeat", 1); ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!field.empty()) {
      result = entry(corruptions::field_operators(), name).apply(picture, field, severity, settings);
    } else {
      core::RandomStream random(job.value("key", std::uint64_t{1}), static_cast<std::uint64_t>(i));
      corruptions::LinkContext context{severity, random, nullptr, 0, {}, settings};
      result = entry(corruptions::operators(), name).apply(picture, context);
    }
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  if (!result.isContinuous()) result = result.clone();
  std::cout << core::Json{{"milliseconds", times}, {"bytes", result.total() * result.elemSize()}}.dump() << '\n';
  std::cout.write(reinterpret_cast<const char*>(result.data),
                  static_cast<std::streamsize>(result.total() * result.elemSize()));
  std::cout.flush();
}

}  // namespace

int main() {
  try {
    cv::setNumThreads(1);
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) serve(core::Json::parse(line));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "corruptions_tool: %s\n", error.what());
    return 1;
  }
}
