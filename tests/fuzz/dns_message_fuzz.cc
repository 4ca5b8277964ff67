// DNS messages as strangers send them: reading must end, and what we build from it must be readable.
#include <cstdint>
#include <cstdlib>

#include "network/dns/directory.h"
#include "network/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulcrum::network;
  static dns::Directory* directory = [] {
    auto* out = new dns::Directory;
    out->set_subnets("n", {Prefix::parse("10.0.0.0/24").value()});
    out->put("n", {"a", {IpAddress::parse("10.0.0.2").value(), IpAddress::parse("fd00::2").value()}, {"web"}, {"svc"}, true});
    return out;
  }();
  const dns::Bytes message(data, size);
  for (std::size_t start = 0; start < size && start < 64; ++start) {
    std::size_t offset = start;
    const auto name = dns::parse_name(message, offset);
    if (name && (offset <= start || offset > size || name->size() > 4 * 255)) std::abort();
  }
  const auto query = dns::parse(message);
  if (!query) {
    (void)dns::build_format_error(message);
    return 0;
  }
  const auto lookup = directory->look_up("n", query->question);
  for (const std::size_t limit : {dns::kMaxUdpPlain, dns::kMaxUdpEdns, dns::kMaxMessage}) {
    const auto answer = dns::build_answer(*query, dns::Rcode::ok, lookup.answers, limit);
    const auto again = dns::parse(answer);
    if (answer.size() > limit || !again || again->question != query->question || again->id != query->id) std::abort();
  }
  return 0;
}
