#pragma once
// What the tests of this room share: the runners in tests/fault/runners, and a conversation that uses every message.
#include <filesystem>
#include <string>
#include <vector>

#include "hw_targets/host/host.h"

namespace automask::host {

inline RunnerSpec scripted(const std::string& script, std::vector<std::string> arguments = {}, Limits limits = {}) {
  // The system's interpreter where there is one: version managers put slow scripts before it. -B: no compiled files in
  // the source tree; -S: no site packages, which take longer to find than everything else.
  static const std::string python = std::filesystem::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  RunnerSpec spec{
      script, {python, "-B", "-S", AUTOMASK_SOURCE_DIR "/tests/fault/runners/" + script + ".py"}, limits, "a test"};
  spec.command.insert(spec.command.end(), arguments.begin(), arguments.end());
  return spec;
}

// Pictures of 4 x 4 x 1, all different.
inline std::vector<std::string> pictures(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) {
    std::string picture(16, '\0');
    for (std::size_t p = 0; p < picture.size(); ++p)
      picture[p] = static_cast<char>((i * 37 + static_cast<int>(p) * 11) % 251);
    picture[0] = static_cast<char>(i);
    picture[1] = static_cast<char>(i / 256);
    all.push_back(picture);
  }
  return all;
}

// What honest.py computes.
inline std::vector<float> expected_logits(const std::vector<std::string>& all, int condition) {
  std::vector<float> logits;
  for (const std::string& picture : all)
    for (std::size_t c = 0; c < 3; ++c) {
      float sum = static_cast<float>(condition);
      for (std::size_t p = c; p < picture.size(); p += 3) sum += static_cast<unsigned char>(picture[p]);
      logits.push_back(sum);
    }
  return logits;
}

// More than a pipe holds, so that a runner that does not read is noticed while sending.
inline std::string large_package() { return std::string(std::size_t(1) << 20, 'p'); }

struct Conversation {
  int pictures_put = 12;
  int repetitions = 1;
  int warmup = 2;
  bool automatic = false;  // the runner picks the conditions
};

inline RunResult converse(Session& session, const Conversation& how = {}) {
  session.initialize();
  session.load(large_package());
  session.prepare({{"threads", 1}, {"format", "fp32"}});
  if (how.automatic)
    session.select_automatically();
  else
    session.select_condition(1);
  RunRequest request;
  request.inputs = session.put_inputs(pictures(how.pictures_put));
  request.order_seed = 5;
  request.warmup = how.warmup;
  request.repetitions = how.repetitions;
  RunResult result = session.run(request);
  session.shutdown();
  return result;
}

}  // namespace automask::host
