#include "network/nftables.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>

#include <memory>
#include <mutex>

#include "os/netlink.h"

namespace fulcrum::network {
namespace {

using netlink::Batch;
using netlink::Socket;

nfgenmsg header(std::uint8_t family, std::uint16_t resource = 0) {
  nfgenmsg out{};
  out.nfgen_family = family;
  out.version = NFNETLINK_V0;
  out.res_id = htons(resource);
  return out;
}

constexpr std::uint16_t message(unsigned type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

void put_value(Batch& batch, std::uint16_t attribute, std::span<const Field> fields, bool range_end = false) {
  const auto nest = batch.open(attribute);
  batch.put(NFTA_DATA_VALUE, encode_fields(fields, range_end));
  batch.close(nest);
}

/// One transaction that adds or deletes elements. Neighbours in the same set share a message.
Batch element_batch(const std::string& table, std::span<const Element> elements, bool add) {
  constexpr std::size_t kElementsPerMessage = 256;  // a message's list must stay under 64 KiB
  Batch batch;
  batch.begin_silent(NFNL_MSG_BATCH_BEGIN, 0, header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  for (std::size_t i = 0; i < elements.size();) {
    const std::string& set = elements[i].set;
    batch.begin(message(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM), add ? NLM_F_CREATE : 0, header(NFPROTO_INET),
                fmt::format("{} elements of set {} in table {}", add ? "add" : "remove", set, table));
    batch.put_text(NFTA_SET_ELEM_LIST_TABLE, table);
    batch.put_text(NFTA_SET_ELEM_LIST_SET, set);
    const auto list = batch.open(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (std::size_t n = 0; i < elements.size() && elements[i].set == set && n < kElementsPerMessage; ++i, ++n) {
      const auto element = batch.open(NFTA_LIST_ELEM);
      put_value(batch, NFTA_SET_ELEM_KEY, elements[i].key);
      if (is_range(elements[i].key)) put_value(batch, NFTA_SET_ELEM_KEY_END, elements[i].key, true);
      if (add && !elements[i].data.empty()) put_value(batch, NFTA_SET_ELEM_DATA, elements[i].data);
      batch.close(element);
    }
    batch.close(list);
  }
  batch.begin_silent(NFNL_MSG_BATCH_END, 0, header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return batch;
}

struct ContextDeleter {
  void operator()(nft_ctx* context) const { ::nft_ctx_free(context); }
};

}  // namespace

Result<bool> table_exists(const std::string& table) {
  auto socket = TRY(Socket::open(NETLINK_NETFILTER));
  Batch batch;
  batch.begin(message(NFT_MSG_GETTABLE), 0, header(NFPROTO_INET), "find nftables table " + table);
  batch.put_text(NFTA_TABLE_NAME, table);
  bool found = false;
  const auto outcome = TRY(socket.exchange(batch, [&](const netlink::Reply&) { found = true; })).front();
  if (found || outcome.error == 0) return true;
  if (outcome.error == ENOENT) return false;
  if (outcome.error == EINVAL || outcome.error == EOPNOTSUPP) return fail(Code::unimplemented, "this kernel has no nftables (nf_tables)");
  return netlink::fail_outcome(outcome, "find nftables table " + table);
}

Result<> run_script(const std::string& script) {
  // libnftables keeps tables of names in globals while it parses; scripts are rare (start, reconcile), so one at a time.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::unique_ptr<nft_ctx, ContextDeleter> context(::nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return fail(Code::resource_exhausted, "no memory for nftables");
  ::nft_ctx_buffer_output(context.get());
  ::nft_ctx_buffer_error(context.get());
  if (::nft_run_cmd_from_buffer(context.get(), script.c_str()) == 0) return {};
  std::string words = ::nft_ctx_get_error_buffer(context.get());
  const bool denied = words.find("Operation not permitted") != std::string::npos;
  words = words.substr(0, words.find('\n'));
  return fail(denied ? Code::permission_denied : Code::internal, "nftables: {}", words.empty() ? "the kernel refused the rules" : words);
}

Result<std::unique_ptr<TableElements>> TableElements::open(std::string table) {
  auto socket = TRY(Socket::open(NETLINK_NETFILTER));
  return std::unique_ptr<TableElements>(new TableElements(std::move(table), std::move(socket)));
}

Result<> TableElements::add(std::span<const Element> elements) {
  if (elements.empty()) return {};
  Batch batch = element_batch(table_, elements, true);
  const std::lock_guard lock(mutex_);
  auto done = socket_.run(batch);
  if (!done && (done.error().sys_errno == EEXIST || done.error().sys_errno == EBUSY)) done.error().code = Code::failed_precondition;
  return done;
}

Result<> TableElements::remove(std::span<const Element> elements) {
  if (elements.empty()) return {};
  Batch batch = element_batch(table_, elements, false);
  const std::lock_guard lock(mutex_);
  const auto done = socket_.run(batch);
  if (done || done.error().sys_errno != ENOENT) return done;
  // Something was missing and the transaction undone: take them one by one.
  for (const Element& element : elements) {
    Batch single = element_batch(table_, {&element, 1}, false);
    const auto removed = socket_.run(single);
    if (!removed && removed.error().sys_errno != ENOENT) return removed;
  }
  return {};
}

Result<> delete_table(const std::string& table) { return run_script(fmt::format("add table inet {0}\ndelete table inet {0}\n", table)); }

}  // namespace fulcrum::network
