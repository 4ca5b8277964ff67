#include "network/files.h"

#include <algorithm>

#include "network/naming.h"

namespace fulcrum::network {
namespace {

constexpr std::size_t kMaxServers = 3, kMaxSearch = 6, kMaxOptions = 16;

Result<> check_word(std::string_view kind, std::string_view word) {
  const bool good =
      !word.empty() && word.size() <= 255 && std::ranges::all_of(word, [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != ';'; });
  if (!good) return fail(Code::invalid_argument, "{} \"{}\" cannot stand in resolv.conf", kind, word.substr(0, 64));
  return {};
}

Result<> check(const ResolvConfig& config) {
  if (config.servers.size() > kMaxServers) return fail(Code::invalid_argument, "more than {} name servers", kMaxServers);
  if (config.search.size() > kMaxSearch) return fail(Code::invalid_argument, "more than {} search domains", kMaxSearch);
  if (config.options.size() > kMaxOptions) return fail(Code::invalid_argument, "more than {} resolver options", kMaxOptions);
  for (const auto& server : config.servers) TRY(IpAddress::parse(server), "name server");
  for (const auto& domain : config.search) TRY(check_word("search domain", domain));
  for (const auto& option : config.options) TRY(check_word("resolver option", option));
  return {};
}

std::string join(std::string_view word, const std::vector<std::string>& list) {
  if (list.empty()) return {};
  std::string out(word);
  for (const auto& item : list) out += " " + item;
  return out + "\n";
}

std::string render(const ResolvConfig& config, const std::vector<std::string>& servers) {
  std::string out = join("search", config.search);
  for (const auto& server : servers) out += "nameserver " + server + "\n";
  return out + join("options", config.options);
}

/// The address that stands for the host.
Result<IpAddress> host_gateway(const std::vector<Endpoint>& endpoints, const std::vector<Network>& networks) {
  for (const auto& endpoint : endpoints) {
    const auto network = std::ranges::find(networks, endpoint.network, &Network::name);
    if (network != networks.end() && !network->subnets.empty() && network->subnets.front().gateway)
      return *network->subnets.front().gateway;
  }
  return fail(Code::invalid_argument, "host-gateway: the workload is in no network that has a gateway");
}

}  // namespace

Result<std::string> resolv_conf(const ResolvConfig& config, const std::vector<Network>& networks) {
  TRY(check(config));
  std::vector<std::string> servers = config.servers;
  for (const auto& network : networks) {
    if (!config.servers.empty() || !network.dns) continue;
    for (const auto& subnet : network.subnets) {
      if (subnet.gateway && servers.size() < kMaxServers) servers.push_back(subnet.gateway->str());
    }
  }
  return render(config, servers);
}

Result<std::string> resolv_conf_of_host(const ResolvConfig& config, std::string_view host_file) {
  TRY(check(config));
  const auto keeps = [&](std::string_view line) {
    if (line.starts_with("nameserver")) return config.servers.empty();
    if (line.starts_with("search") || line.starts_with("domain")) return config.search.empty();
    if (line.starts_with("options")) return config.options.empty();
    return !line.empty() && line.front() != '#' && line.front() != ';';
  };
  std::string out;
  while (!host_file.empty()) {
    const auto end = host_file.find('\n');
    const auto line = host_file.substr(0, end);
    if (keeps(line)) out += std::string(line) + "\n";
    host_file = end == std::string_view::npos ? std::string_view() : host_file.substr(end + 1);
  }
  return out + render(config, config.servers);
}

Result<std::string> hosts_file(std::string_view hostname, const std::vector<Endpoint>& endpoints, const std::vector<Network>& networks,
                               const std::vector<std::pair<std::string, std::string>>& extra) {
  std::string out =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "ff02::1\tip6-allnodes\n"
      "ff02::2\tip6-allrouters\n";
  for (const auto& [name, address] : extra) {
    TRY(check_host_name(name), "extra host {}", name);
    const auto value = address == "host-gateway" ? TRY(host_gateway(endpoints, networks), "extra host {}", name)
                                                 : TRY(IpAddress::parse(address), "extra host {}", name);
    out += fmt::format("{}\t{}\n", value.str(), name);
  }
  if (hostname.empty()) return out;
  TRY(check_host_name(hostname));
  const std::string_view brief = hostname.substr(0, hostname.find('.'));
  const std::string names = brief == hostname ? std::string(hostname) : fmt::format("{} {}", hostname, brief);
  bool any = false;
  for (const auto& endpoint : endpoints) {
    for (const auto& address : endpoint.addresses) {
      out += fmt::format("{}\t{}\n", address.address.str(), names);
      any = true;
    }
  }
  // Without a network the name still means this machine.
  if (!any) out += fmt::format("127.0.1.1\t{}\n", names);
  return out;
}

}  // namespace fulcrum::network
