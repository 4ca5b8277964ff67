#include "network/dns/directory.h"

#include <algorithm>

namespace fulcrum::network::dns {

void Directory::insert(Zone& zone, Host host) {
  for (auto* list : {&host.names, &host.services}) {
    for (auto& name : *list) name = normal_name(name);
    std::vector<std::string> once;
    for (auto& name : *list) {
      if (std::ranges::count(once, name) == 0) once.push_back(std::move(name));
    }
    *list = std::move(once);
  }
  for (const auto& name : host.names) zone.names[name].push_back(host.id);
  for (const auto& service : host.services) zone.services[service].push_back(host.id);
  for (const auto& address : host.addresses) zone.reverse.insert_or_assign(address, host.id);
  const std::string id = host.id;
  zone.hosts.insert_or_assign(id, std::move(host));
}

void Directory::erase(Zone& zone, std::string_view id) {
  const auto found = zone.hosts.find(id);
  if (found == zone.hosts.end()) return;
  const auto drop = [&](auto& index, const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const auto entry = index.find(name);
      if (entry == index.end()) continue;
      std::erase(entry->second, id);
      if (entry->second.empty()) index.erase(entry);
    }
  };
  drop(zone.names, found->second.names);
  drop(zone.services, found->second.services);
  for (const auto& address : found->second.addresses) {
    const auto entry = zone.reverse.find(address);
    if (entry != zone.reverse.end() && entry->second == id) zone.reverse.erase(entry);
  }
  zone.hosts.erase(found);
}

void Directory::set_subnets(std::string_view network, std::vector<Prefix> subnets) {
  const std::lock_guard lock(mutex_);
  zones_[std::string(network)].subnets = std::move(subnets);
}

void Directory::put(std::string_view network, Host host) {
  const std::lock_guard lock(mutex_);
  Zone& zone = zones_[std::string(network)];
  erase(zone, host.id);
  insert(zone, std::move(host));
}

void Directory::remove(std::string_view network, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto zone = zones_.find(network);
  if (zone != zones_.end()) erase(zone->second, id);
}

void Directory::replace(std::string_view network, std::vector<Host> hosts) {
  Zone fresh;
  for (auto& host : hosts) insert(fresh, std::move(host));
  const std::lock_guard lock(mutex_);
  Zone& zone = zones_[std::string(network)];
  fresh.subnets = zone.subnets;
  zone = std::move(fresh);
}

void Directory::forget(std::string_view network) {
  const std::lock_guard lock(mutex_);
  if (const auto zone = zones_.find(network); zone != zones_.end()) zones_.erase(zone);
}

bool Directory::addresses_of(Zone& zone, std::string_view name, std::uint16_t type, std::vector<Answer>& out) {
  bool known = false;
  const auto collect = [&](const auto& index, bool only_ready) {
    const auto entry = index.find(name);
    if (entry == index.end()) return;
    known = true;
    for (const auto& id : entry->second) {
      const Host& host = zone.hosts.find(id)->second;
      if (only_ready && !host.ready) continue;
      for (const auto& address : host.addresses) {
        const bool wanted = type == type::any || type == (address.is_v4() ? type::a : type::aaaa);
        if (wanted && std::ranges::count(out, Answer(address)) == 0) out.emplace_back(address);
      }
    }
  };
  collect(zone.names, false);
  collect(zone.services, true);
  if (out.size() > 1) std::ranges::rotate(out, out.begin() + static_cast<std::ptrdiff_t>(zone.turn++ % out.size()));
  return known;
}

Lookup Directory::look_up(std::string_view network, const Question& question) {
  const std::lock_guard lock(mutex_);
  const auto found = zones_.find(network);
  return found == zones_.end() ? Lookup{} : look_in(network, found->second, question);
}

Lookup Directory::look_up(std::string_view network, const IpAddress& asker, const Question& question) {
  const std::lock_guard lock(mutex_);
  const auto found = zones_.find(network);
  if (found == zones_.end()) return {};
  auto own = look_in(network, found->second, question);
  const auto id = found->second.reverse.find(asker);
  if (own.kind == Lookup::Kind::found || id == found->second.reverse.end()) return own;
  for (auto& [other, zone] : zones_) {
    if (other == network || !zone.hosts.contains(id->second)) continue;
    auto more = look_in(other, zone, question);
    if (more.kind == Lookup::Kind::found) return more;
  }
  return own;
}

Lookup Directory::look_in(std::string_view network, Zone& zone, const Question& question) {
  Lookup out;
  if (const auto address = address_of_reverse_name(question.name)) {
    const bool ours = std::ranges::any_of(zone.subnets, [&](const Prefix& s) { return s.contains(*address); });
    if (!ours) return out;
    const auto id = zone.reverse.find(*address);
    const bool named = id != zone.reverse.end() && !zone.hosts.find(id->second)->second.names.empty();
    out.kind = named ? Lookup::Kind::found : Lookup::Kind::no_name;
    if (named && (question.type == type::ptr || question.type == type::any))
      out.answers.emplace_back(zone.hosts.find(id->second)->second.names.front());
    return out;
  }
  std::string_view name = question.name;
  bool known = addresses_of(zone, name, question.type, out.answers);
  const std::string suffix = "." + normal_name(network);
  if (!known && name.ends_with(suffix)) known = addresses_of(zone, name.substr(0, name.size() - suffix.size()), question.type, out.answers);
  if (known) out.kind = Lookup::Kind::found;
  return out;
}

}  // namespace fulcrum::network::dns
