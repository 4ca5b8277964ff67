#include "control/names.h"

#include <sys/random.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace fulcrum::control {

namespace {

constexpr std::array<std::string_view, 64> kAdjectives = {
    "able",   "airy",   "amber",  "apt",    "bold",  "brave",   "brisk",  "bright", "calm",   "clear", "clever", "cool",   "cosy",
    "crisp",  "daring", "deep",   "eager",  "early", "fair",    "fast",   "fine",   "firm",   "fleet", "fond",   "frank",  "fresh",
    "gentle", "glad",   "golden", "grand",  "happy", "hardy",   "keen",   "kind",   "lively", "loyal", "lucky",  "mellow", "merry",
    "mild",   "modest", "neat",   "nimble", "noble", "patient", "plain",  "proud",  "quick",  "quiet", "rapid",  "ready",  "robust",
    "shy",    "silver", "sleek",  "smart",  "snug",  "solid",   "steady", "sunny",  "swift",  "tidy",  "warm",   "wise"};
constexpr std::array<std::string_view, 64> kNouns = {
    "badger", "bear",   "beaver",  "bison", "bittern", "buzzard", "crane",   "curlew", "deer",   "dipper", "dove",   "eagle",  "eider",
    "falcon", "ferret", "finch",   "fox",   "gannet",  "goat",    "goose",   "grebe",  "grouse", "hare",   "hawk",   "heron",  "hoopoe",
    "horse",  "ibex",   "jackdaw", "jay",   "kestrel", "kite",    "lark",    "linnet", "lynx",   "magpie", "marten", "merlin", "mole",
    "moose",  "newt",   "osprey",  "otter", "owl",     "petrel",  "pika",    "plover", "puffin", "quail",  "rail",   "raven",  "robin",
    "seal",   "shrew",  "siskin",  "snipe", "stork",   "swan",    "swallow", "tern",   "thrush", "vole",   "wren",   "yak"};

}  // namespace

std::string random_name() {
  std::array<std::uint8_t, 2> bytes{};
  FULCRUM_ASSERT(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return std::string(kAdjectives[bytes[0] % kAdjectives.size()]) + "_" + std::string(kNouns[bytes[1] % kNouns.size()]);
}

}  // namespace fulcrum::control
