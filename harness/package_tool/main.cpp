// automask-package: packages and networks for `automask export` and `automask verify`, which need LibTorch and
// pictures.
#include "harness/package_tool/jobs.h"
#include "harness/tool.h"

namespace {

using namespace automask;

core::Json work(const core::Json& job) {
  namespace tool = harness::package_tool;
  return job.at("command") == "export" ? tool::export_job(job) : tool::verify_job(job);
}

}  // namespace

int main(int argc, char** argv) { return harness::tool_main(argc, argv, work); }
