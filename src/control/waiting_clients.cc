#include "control/waiting_clients.h"

#include <poll.h>

#include <utility>

#include "base/log.h"

namespace fulcrum::control {

namespace {

/// Both directions are over. A client that only ended its input still waits for output.
bool hung_up(const UniqueFd& fd) {
  pollfd look{.fd = fd.get(), .events = 0, .revents = 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Result<> WaitingClients::add(const std::string& key, Client client) {
  const std::lock_guard lock(mutex_);
  auto& waiting = clients_[key];
  std::erase_if(waiting, [](const Client& one) { return hung_up(one.fd); });
  if (waiting.size() >= kMost) return fail(Code::resource_exhausted, "{} clients wait for this workload already", kMost);
  waiting.push_back(std::move(client));
  return {};
}

std::vector<WaitingClients::Client> WaitingClients::take(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.extract(key);
  return found.empty() ? std::vector<Client>() : std::move(found.mapped());
}

void WaitingClients::attach_to(sandbox::Sandbox& sandbox, const WorkloadId& id, const std::string& key) {
  for (auto& client : take(key)) {
    const auto attached = sandbox.attach(id, std::move(client.fd), client.format);
    if (!attached) log::warning("a waiting client is cut off", {{"workload", id.str()}, {"error", attached.error().message}});
  }
}

}  // namespace fulcrum::control
