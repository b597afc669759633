// The readers for another program to call. On standard input, again and again, one line of JSON; on standard output:
// one line of JSON, then the bytes of the picture.
//
//   {"file": "x.jpg", "prepare": true}        decodes a file; with "prepare", resize 256 and centre crop 224
//   {"rows": 3, "cols": 5, "channels": 1}     then its bytes: only prepares them
//
// The answer is {"rows": 3, "cols": 5, "channels": 1} or {"error": "x.jpg: is a truncated picture; ..."}.
#include <cstdio>
#include <iostream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json.h"
#include "datasets/dataset.h"

namespace {

using namespace automask;

cv::Mat picture_of(const core::Json& job) {
  if (job.contains("file")) {
    const std::string file = job.at("file");
    return datasets::decode_picture(core::read_file(file), file);
  }
  cv::Mat picture(job.at("rows").get<int>(), job.at("cols").get<int>(), CV_8UC(job.at("channels").get<int>()));
  if (!std::cin.read(picture.ptr<char>(), static_cast<std::streamsize>(picture.total() * picture.elemSize())))
    throw std::runtime_error("standard input ends too early");
  return picture;
}

void serve(const core::Json& job) {
  cv::Mat picture;
  try {
    picture = picture_of(job);
    if (job.value("prepare", !job.contains("file"))) picture = datasets::resize_and_centre_crop(picture);
  } catch (const core::Error& error) {
    std::cout << core::Json{{"error", error.what()}}.dump() << std::endl;
    return;
  }
  std::cout << core::Json{{"rows", picture.rows}, {"cols", picture.cols}, {"channels", picture.channels()}}.dump()
            << '\n';
  std::cout.write(picture.ptr<char>(), static_cast<std::streamsize>(picture.total() * picture.elemSize()));
  std::cout.flush();
}

}  // namespace

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) serve(core::Json::parse(line));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "readers_tool: %s\n", error.what());
    return 1;
  }
}
