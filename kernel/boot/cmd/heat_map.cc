#include <fmt/format.h>

#include <iterator>

#include "kernel/boot/cmd/abilities.h"

namespace phios::abilities {

namespace {

// Pixels.
constexpr int kCell = 26, kLeft = 64, kTop = 34, kGap = 28, kLegend = 40;

// From red (nothing is found) over yellow to green.
std::string colour(const Points& points) {
  if (points.n == 0) return "#dddddd";
  const double share = points.percent() / 100;
  const int red = static_cast<int>(share < 0.5 ? 215 : 215 - (share - 0.5) * 2 * 189);
  const int green = static_cast<int>(share < 0.5 ? 48 + share * 2 * 160 : 208 - (share - 0.5) * 2 * 56);
  return fmt::format("#{:02x}{:02x}50", red, green);
}

std::string tokens_text(uint32_t length) {
  return length % 1024 == 0 ? fmt::format("{}k", length / 1024) : std::to_string(length);
}

void panel_svg(const HeatPanel& panel, int left, std::string& svg) {
  const auto out = std::back_inserter(svg);
  fmt::format_to(out, "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n", left, kTop - 20,
                 panel.title);
  int x = left;
  for (const NeedleRow& row : *panel.needles) {
    fmt::format_to(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x + kCell / 2, kTop - 5,
                   tokens_text(row.length));
    for (size_t depth = 0; depth < kDepths; ++depth) {
      fmt::format_to(
          out,
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{} tokens, depth {} "
          "%: {} of {}</title></rect>\n",
          x, kTop + static_cast<int>(depth) * kCell, kCell - 1, kCell - 1, colour(row.at[depth]), row.length,
          depth * 10, row.at[depth].right, row.at[depth].n);
    }
    x += kCell;
  }
}

}  // namespace

std::string heat_map_svg(const std::vector<HeatPanel>& panels) {
  int width = kLeft;
  std::string body;
  for (size_t depth = 0; depth < kDepths; ++depth)
    fmt::format_to(std::back_inserter(body), "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} %</text>\n",
                   kLeft - 6, kTop + static_cast<int>(depth) * kCell + kCell * 2 / 3, depth * 10);
  for (const HeatPanel& panel : panels) {
    panel_svg(panel, width, body);
    const int cells = static_cast<int>(panel.needles->size()) * kCell;
    const int title = static_cast<int>(panel.title.size()) * 8;
    width += std::max(cells, title) + kGap;
  }
  const int height = kTop + static_cast<int>(kDepths) * kCell + kLegend;
  fmt::format_to(
      std::back_inserter(body),
      "<text x=\"{}\" y=\"{}\">needles found: depth in the context down, its tokens across; red none, "
      "green all</text>\n",
      kLeft, height - 14);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
      std::max(width, 560), height, body);
}

}  // namespace phios::abilities
