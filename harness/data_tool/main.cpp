// automask-data: what `automask corrupt` has done elsewhere, since OpenCV would slow down every command's start.
#include <chrono>

#include "corruptions/writer/writer.h"
#include "harness/tool.h"

namespace {

using namespace automask;
using core::Json;

corruptions::WriterHooks hooks(const char* phase) {
  const auto start = std::chrono::steady_clock::now();
  // The rate is of what this process did: pictures found finished took no time.
  const auto first = std::make_shared<std::ptrdiff_t>(-1);
  corruptions::WriterHooks hooks;
  hooks.progress = [=](const corruptions::WriterProgress& progress) {
    if (*first < 0) *first = static_cast<std::ptrdiff_t>(progress.done);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double done = static_cast<double>(progress.done);
    harness::tool_progress(phase, done, static_cast<double>(progress.total),
                           {{"rate", seconds > 0 ? (done - static_cast<double>(*first)) / seconds : 0},
                            {"unit", "pictures/s"},
                            {"bytes", progress.bytes},
                            {"skipped", progress.skipped}});
  };
  hooks.note = harness::tool_note;
  hooks.stop = harness::tool_stop_requested;
  return hooks;
}

Json work(const Json& request) {
  const std::string task = request.at("task");
  if (task == "verify")
    return to_json(
        corruptions::verify(request.at("destination").get<std::string>(), request.at("threads"), hooks("verify")));
  const corruptions::WriterJob job = corruptions::writer_job_from_json(request.at("job"));
  if (task == "estimate") return to_json(corruptions::estimate(job, request.at("sample").get<std::size_t>()));
  return to_json(corruptions::write_variants(job, hooks("write")));
}

}  // namespace

int main(int argc, char** argv) { return harness::tool_main(argc, argv, work); }
