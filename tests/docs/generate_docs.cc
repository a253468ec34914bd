// Prints a page of docs/ that is made from the server's own tables:
//   generate_docs configuration > docs/configuration.md
#include <iostream>
#include <string_view>

#include "server/command_docs.h"
#include "server/config.h"

int main(int argc, char** argv) {
  const std::string_view page = argc == 2 ? argv[1] : "";
  if (page == "configuration") {
    std::cout << cartwheel::server::ConfigMarkdown();
    return 0;
  }
  if (page == "commands") {
    std::cout << cartwheel::server::CommandsMarkdown();
    return 0;
  }
  std::cerr << "usage: generate_docs commands|configuration\n";
  return 2;
}
