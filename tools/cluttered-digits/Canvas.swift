import Foundation

/// A colour, red, green and blue from 0 to 1.
typealias Colour = SIMD3<Float>

extension Colour {
  /// A colour of the given hue (in turns), saturation and value, all from 0 to 1 (Smith's HSV model).
  init(hue: Float, saturation: Float, value: Float) {
    let turned = Colour(5, 3, 1) + hue * 6
    let position = turned - (turned / 6).rounded(.down) * 6
    let distance = pointwiseMin(position, 4 - position).clamped(
      lowerBound: Colour.zero, upperBound: Colour.one)
    self.init(value - value * saturation * distance)
  }

  /// How bright it looks, from 0 to 1 (ITU-R BT.601).
  var luma: Float { 0.299 * x + 0.587 * y + 0.114 * z }
}

/// A square picture that shapes are painted on.
struct Canvas {
  let side: Int
  private(set) var pixels: [Colour]

  init(side: Int, _ colour: (_ x: Float, _ y: Float) -> Colour) {
    self.side = side
    pixels = (0..<side * side).map { colour(Float($0 % side) + 0.5, Float($0 / side) + 0.5) }
  }

  /// Mixes a colour in where `coverage` at a pixel's centre is above 0; 1 replaces what was there.
  ///
  /// - Parameters:
  ///   - centre: the middle of the shape, in pixels.
  ///   - radius: nothing further than this from the centre, along x or y, is touched.
  mutating func paint(
    _ colour: Colour, centre: SIMD2<Float>, radius: Float, coverage: (SIMD2<Float>) -> Float
  ) {
    for (index, place) in places(around: centre, radius) {
      let share = min(1, coverage(place))
      if share > 0 { pixels[index] += (colour - pixels[index]) * share }
    }
  }

  /// Paints a line through the points, with soft edges.
  mutating func paint(_ colour: Colour, line points: [SIMD2<Float>], halfWidth: Float) {
    var nearest = [Float](repeating: .infinity, count: pixels.count)
    for (start, end) in zip(points, points.dropFirst()) {
      let along = end - start
      let squaredLength = max(1e-6, (along * along).sum())
      let radius = squaredLength.squareRoot() / 2 + halfWidth + 1
      for (index, place) in places(around: (start + end) / 2, radius) {
        let share = min(1, max(0, ((place - start) * along).sum() / squaredLength))
        let gap = place - start - along * share
        nearest[index] = min(nearest[index], (gap * gap).sum().squareRoot())
      }
    }
    for index in pixels.indices {
      pixels[index] += (colour - pixels[index]) * step(halfWidth - nearest[index])
    }
  }

  /// The mean colour where `coverage` is above 0, weighted by it.
  func mean(centre: SIMD2<Float>, radius: Float, coverage: (SIMD2<Float>) -> Float) -> Colour {
    var sum = Colour.zero
    var weight: Float = 0
    for (index, place) in places(around: centre, radius) {
      let share = min(1, max(0, coverage(place)))
      sum += pixels[index] * share
      weight += share
    }
    return weight > 0 ? sum / weight : sum
  }

  /// The indices and centres of the pixels in a square.
  private func places(around centre: SIMD2<Float>, _ radius: Float) -> [(Int, SIMD2<Float>)] {
    func range(_ middle: Float) -> Range<Int> {
      let low = min(side, max(0, Int((middle - radius).rounded(.down))))
      let high = min(side, max(low, Int((middle + radius).rounded(.up))))
      return low..<high
    }
    return range(centre.y).flatMap { row in
      range(centre.x).map { (row * side + $0, SIMD2(Float($0) + 0.5, Float(row) + 0.5)) }
    }
  }

  /// 8-bit interleaved red, green and blue, `[side, side, 3]`.
  var bytes: [UInt8] {
    pixels.flatMap { pixel in
      (0..<3).map { UInt8(min(255, max(0, (pixel[$0] * 255).rounded()))) }
    }
  }
}

/// Coverage of a pixel whose centre lies this far inside an edge, in pixels.
func step(_ distance: Float) -> Float { min(1, max(0, distance + 0.5)) }
