#include "hw_targets/protocol/server.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

namespace automask {
namespace protocol {

bool Server::read_frame(Frame& frame) {
  if (!waiting_.empty()) {
    frame = std::move(waiting_.front());
    waiting_.pop_front();
    return true;
  }
  char chunk[1 << 16];
  while (!reader_.next(frame)) {
    const ssize_t got = ::read(input_, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (!reader_.empty()) throw FramingError("the input ends within a frame");
      return false;
    }
    reader_.feed(chunk, static_cast<std::size_t>(got));
  }
  return true;
}

bool Server::cancelled() {
  char chunk[1 << 16];
  pollfd watched = {input_, POLLIN, 0};
  while (::poll(&watched, 1, 0) > 0 && (watched.revents & POLLIN) != 0) {
    const ssize_t got = ::read(input_, chunk, sizeof chunk);
    if (got <= 0) break;  // the end of the input shows at the next read
    reader_.feed(chunk, static_cast<std::size_t>(got));
  }
  bool found = false;
  for (Frame frame; reader_.next(frame);) {
    if (!frame.binary) {
      const nlohmann::json message = parse_message(frame.bytes);
      if (message.value("method", nlohmann::json()) == "$/cancel") {
        const nlohmann::json params = message.value("params", nlohmann::json::object());
        found = found || (params.is_object() && params.value("id", nlohmann::json()) == current_id_);
        continue;
      }
    }
    waiting_.push_back(std::move(frame));
  }
  return found;
}

bool Server::write(const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::write(output_, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    done += static_cast<std::size_t>(put);
  }
  return true;
}

Answer Server::dispatch(const nlohmann::json& message, const std::string& method) {
  const nlohmann::json params = message.value("params", nlohmann::json::object());
  if (!params.is_object()) throw Refusal(invalid_params, "params must be an object");
  std::string bytes;
  if (params.contains("frame")) {
    // The frame is taken off the wire whatever becomes of the message, so that the next message is found.
    const Announcement announced = announcement_from_json(params["frame"]);
    Frame frame;
    if (!read_frame(frame) || !frame.binary)
      throw FramingError(method + " announced a binary frame that did not follow");
    bytes = std::move(frame.bytes);
    if (bytes.size() != announced.size || sha256_(bytes) != announced.sha256)
      throw Refusal(bad_hash, "the binary frame of " + method + " is not the one announced; send it again");
  }
  const auto handler = handlers_.find(method);
  if (handler == handlers_.end()) throw Refusal(method_not_found, "this runner has no method " + method);
  return handler->second(params, bytes);
}

int Server::serve() {
  try {
    Frame frame;
    while (read_frame(frame)) {
      if (frame.binary) throw FramingError("a binary frame that no message announced");
      const nlohmann::json message = parse_message(frame.bytes);
      const nlohmann::json name = message.value("method", nlohmann::json());
      if (!name.is_string()) throw FramingError("a message without a method");
      const std::string method = name.get<std::string>();
      if (!message.contains("id")) continue;  // a notification: a $/cancel that is read here comes too late
      const nlohmann::json id = message["id"];
      current_id_ = id;
      if (method == "shutdown") {
        write(encode_json(result(id, nlohmann::json::object())));
        return 0;
      }
      std::string reply;
      try {
        Answer answer = dispatch(message, method);
        if (answer.has_frame) answer.result["frame"] = to_json({answer.frame.size(), sha256_(answer.frame)});
        reply = encode_json(result(id, std::move(answer.result)));
        if (answer.has_frame) reply += encode_binary(answer.frame);
      } catch (const Refusal& e) {
        reply = encode_json(error(id, e.code(), e.what()));
      } catch (const FramingError&) {
        throw;
      } catch (const std::bad_alloc&) {
        reply = encode_json(error(id, out_of_memory, "out of memory in " + method));
      } catch (const nlohmann::json::exception& e) {
        reply = encode_json(error(id, invalid_params, std::string("params: ") + e.what()));
      } catch (const std::exception& e) {
        reply = encode_json(error(id, internal_error, e.what()));
      }
      if (!write(reply)) return 1;
    }
    return 0;
  } catch (const FramingError& e) {
    std::fprintf(stderr, "standard input is not the runner protocol: %s\n", e.what());
    write(encode_json(error(nullptr, parse_error, e.what())));
    return 1;
  }
}

int claim_standard_output() {
  const int own = ::dup(STDOUT_FILENO);
  if (own < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    std::perror("cannot take over standard output");
    std::exit(1);
  }
  return own;
}

}  // namespace protocol
}  // namespace automask
