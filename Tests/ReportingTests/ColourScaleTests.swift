import Foundation
import Testing

import Reporting

@Suite struct ColourScaleTests {
  private func linear(_ index: Int) -> [Double] {
    ColourScale.table[3 * index..<3 * index + 3].map { byte in
      let value = Double(byte) / 255
      return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
  }

  private func oklab(_ index: Int) -> Oklab {
    let rgb = ColourScale.table[3 * index..<3 * index + 3]
    return Oklab(rgb.reduce(0) { $0 << 8 | Int($1) })
  }

  @Test func oklabIsThePublishedOne() {
    // https://bottosson.github.io/posts/oklab: white, and red as CSS Color 4 gives it.
    #expect(abs(Oklab(0xFFFFFF).lightness - 1) < 1e-6)
    let red = Oklab(0xFF0000)
    #expect(abs(red.lightness - 0.62796) < 1e-4 && abs(red.greenRed - 0.22486) < 1e-4)
    #expect(abs(red.blueYellow - 0.12585) < 1e-4)
    for colour in [0x000000, 0x123456, 0xFDE725, 0xFFFFFF] {
      #expect(Oklab(colour).rgb.reduce(0) { $0 << 8 | Int($1) } == colour)
    }
  }

  @Test func equalStepsLookEqual() {
    // Of eight, as bytes round.
    let steps = stride(from: 0, to: 248, by: 8).map { oklab($0).distance(to: oklab($0 + 8)) }
    let mean = steps.reduce(0, +) / Double(steps.count)
    #expect(steps.allSatisfy { abs($0 - mean) < 0.12 * mean }, "\(steps.min()!) to \(steps.max()!)")
    for index in 0..<252 { #expect(oklab(index).lightness < oklab(index + 4).lightness) }
  }

  /// Machado, Oliveira and Fernandes 2009, for those who lack one kind of cone.
  @Test(
    arguments: [
      [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
      [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881],
      [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900],
    ])
  func everybodySeesTheOrder(simulation: [Double]) {
    let luminance = (0..<256).map { index -> Double in
      let colour = linear(index)
      let seen = (0..<3).map { row in (0..<3).reduce(0.0) { $0 + simulation[3 * row + $1] * colour[$1] } }
      return 0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2]
    }
    for index in 0..<252 { #expect(luminance[index] < luminance[index + 4], "\(index)") }
    #expect(luminance[255] / luminance[0] > 10)
  }

  @Test func numbersBeyondTheScaleHaveTheColoursOfItsEnds() {
    #expect([-1, 0, 0.5, 1, 7].map { ColourScale.index(of: $0) } == [0, 0, 128, 255, 255])
    #expect(Array(ColourScale.table.prefix(3)) == [0x44, 0x01, 0x54])
    #expect(Array(ColourScale.table.suffix(3)) == [0xFD, 0xE7, 0x25])
  }
}
