#include "network/dns/upstream.h"

#include "base/sys.h"

namespace fulcrum::network::dns {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view next_word(std::string_view& line) {
  const auto start = line.find_first_not_of(kBlank);
  if (start == std::string_view::npos) return line = {};
  line.remove_prefix(start);
  const auto word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

std::vector<IpAddress> parse_resolvers(std::string_view text) {
  std::vector<IpAddress> out;
  while (!text.empty() && out.size() < kMaxResolvers) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (next_word(line) != "nameserver") continue;
    const auto address = IpAddress::parse(next_word(line));
    if (address) out.push_back(*address);
  }
  return out;
}

const std::vector<IpAddress>& Upstream::resolvers(std::chrono::steady_clock::time_point now) {
  constexpr std::size_t kMaxFile = 64 << 10;
  if (looked_ != std::chrono::steady_clock::time_point{} && now - looked_ < std::chrono::seconds(1)) return resolvers_;
  looked_ = now;
  struct stat st{};
  if (::stat(path_.c_str(), &st) != 0) {
    resolvers_.clear();
    seen_ = {};
    return resolvers_;
  }
  const bool same = st.st_ino == seen_.st_ino && st.st_size == seen_.st_size && st.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                    st.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec;
  if (same) return resolvers_;
  seen_ = st;
  const auto text = sys::read_file(path_, kMaxFile);
  resolvers_ = text ? parse_resolvers(*text) : std::vector<IpAddress>();
  return resolvers_;
}

}  // namespace fulcrum::network::dns
