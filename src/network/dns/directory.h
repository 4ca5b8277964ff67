// Who is called what in which network.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "network/dns/message.h"
#include "network/dns/server.h"

namespace fulcrum::network::dns {

/// What a network knows about a question.
struct Lookup {
  enum class Kind : std::uint8_t {
    found,      ///< `answers`, which may be empty: the name exists without such a record
    no_name,    ///< within our authority, and there is no such name
    elsewhere,  ///< somebody else's name
  };
  Kind kind = Kind::elsewhere;
  std::vector<Answer> answers;
};

/// The names of every network. Thread-safe: the engine writes, the name server's thread reads.
class Directory {
 public:
  /// The subnets in which addresses without a name do not exist (for PTR).
  void set_subnets(std::string_view network, std::vector<Prefix> subnets);
  void put(std::string_view network, Host host);
  void remove(std::string_view network, std::string_view id);
  void replace(std::string_view network, std::vector<Host> hosts);
  void forget(std::string_view network);

  /// A name, "name.network" or a reverse name, as `network` knows it. Several addresses come in turn: each answer starts with another one.
  Lookup look_up(std::string_view network, const Question& question);
  /// The same for who asks from `asker`: a member of several networks asks one of their name servers and means all of them.
  Lookup look_up(std::string_view network, const IpAddress& asker, const Question& question);

 private:
  struct Zone {
    std::vector<Prefix> subnets;
    std::map<std::string, Host, std::less<>> hosts;                         // by id, names normalised
    std::map<std::string, std::vector<std::string>, std::less<>> names;     // name → ids
    std::map<std::string, std::vector<std::string>, std::less<>> services;  // service → ids
    std::map<IpAddress, std::string> reverse;                               // address → id
    unsigned turn = 0;
  };
  static Lookup look_in(std::string_view network, Zone& zone, const Question& question);
  static void insert(Zone& zone, Host host);
  static void erase(Zone& zone, std::string_view id);
  static bool addresses_of(Zone& zone, std::string_view name, std::uint16_t type, std::vector<Answer>& out);

  std::mutex mutex_;
  std::map<std::string, Zone, std::less<>> zones_;
};

}  // namespace fulcrum::network::dns
