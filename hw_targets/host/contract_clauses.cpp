#include "hw_targets/host/contract_clauses.h"

#include "hw_targets/host/contract_checks.h"

namespace automask::host {

const std::vector<Clause>& clause_table() {
  static const std::vector<Clause> table = {
      {"handshake", "initialize is answered with protocol, name, serial, toolchain, evidence and formats",
       "write nothing but frames to standard output; see \"initialize\"", handshake},
      {"wrong_version", "another protocol version is refused with wrong_version",
       "compare params.protocol with the version you speak", wrong_version},
      {"before_initialize", "messages before initialize are refused with invalid_request",
       "keep where the conversation stands", before_initialize},
      {"unknown_method", "an unknown method is refused with method_not_found, and the runner goes on",
       "answer an error where no handler is found", unknown_method},
      {"notifications", "notifications that start with $/ get no answer", "answer only messages that carry an id",
       unknown_notification},
      {"message_order", "messages before load or prepare are refused with not_loaded",
       "keep where the conversation stands", order_of_messages},
      {"load", "load tells conditions, classes and input; prepare keeps the threads asked for; both may come again",
       "see \"load\" and \"prepare\"", loading},
      {"bad_hash", "a binary frame other than the one announced is refused with bad_hash, and the runner goes on",
       "read the frame whole, then compare its SHA-256", wrong_hash_of_frame},
      {"bad_package", "a damaged package is refused with bad_package, and the runner goes on",
       "check version, hash, shapes and masks as docs/package.md says", damaged_packages},
      {"out_of_memory",
       "a network that no memory holds is refused with out_of_memory or unsupported by load or prepare, and the runner "
       "goes on",
       "add up the activations' bytes before anything is allocated", out_of_memory},
      {"options", "unknown options of prepare are refused with invalid_params, unknown formats with unsupported",
       "never ignore an option: it is part of what is measured", options_of_prepare},
      {"inputs", "pictures are kept under their SHA-256; a wrong shape and an unknown name are refused",
       "see \"put_inputs\"", inputs_by_hash},
      {"run", "run answers one latency per execution; its outputs are one row each, bound by the digest",
       "see \"run\" and \"fetch_output\"", timed_run},
      {"nonce", "the digest depends on the nonce", "hash the nonce's text directly followed by the outputs' bytes",
       nonce_binding},
      {"determinism", "a picture's outputs do not depend on when it is executed",
       "look for state that one execution leaves to the next", determinism},
      {"outputs", "the outputs are the network's, under each condition",
       "look for a wrong weight layout, input scaling, mask or channel order", outputs},
      {"conditions", "select_condition switches there and back; an index that does not exist is refused",
       "place every condition's network at prepare", switching_conditions},
      {"auto", "auto picks each picture's condition as the package's estimator does, or is refused with unsupported",
       "hold the statistics against docs/package.md, section 11, one by one", automatic_conditions},
      {"latencies", "latencies account for at least 85 % of the time that a run takes",
       "time the whole way from the picture in memory to its logits", honest_latencies},
      {"throttling", "state tells before and after a run whether the device is throttled",
       "answer {\"throttled\": true or false}", throttling_report},
      {"power", "power answers samples or unsupported", "see \"power\"", power},
      {"cancel", "a cancelled run ends early with the error cancelled or is finished, and the runner goes on",
       "look for notifications between executions, or ignore them", cancel},
      {"oversized_frame", "a frame larger than any the runner takes ends it with status 1, without an allocation",
       "refuse a Content-Length above max_frame before you read on", oversized_frame},
      {"malformed_frames", "bytes that are no frame or no JSON end the runner with status 1",
       "answer parse_error with a null id, then exit", malformed_frames},
      {"truncated_frame", "an input that ends within a frame ends the runner with status 1",
       "tell the end of the input within a frame from one between frames", truncated_frame},
      {"end_of_input", "an input that ends between frames ends the runner with status 0", "exit when read returns 0",
       end_of_input},
      {"clean_exit", "after shutdown the runner exits with status 0 and writes nothing more",
       "answer shutdown, then return from main", clean_exit}};
  return table;
}

}  // namespace automask::host
