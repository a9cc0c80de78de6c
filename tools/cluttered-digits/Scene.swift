import Compute
import Foundation

/// A 64 x 64 colour scene with one handwritten digit that a person can read, somewhere in a lot of clutter.
///
/// The clutter is made so that neither colour, nor contrast, nor the mere presence of handwriting gives the digit away:
/// every scene is full of strokes, blobs and scraps of other digits, painted as strongly as the digit itself is.
///
/// The digit sits near the middle of one of the 16 cells of 16 x 16 pixels, which are the patches of the demo's encoder,
/// and is lighter than what lies below it: what it says is in one patch or little more.
package struct Scene {
  package static let side = 64
  /// The side of the cells in which digits sit.
  static let cellSide = 16

  private var canvas: Canvas
  private var random: SeededGenerator

  /// - Parameters:
  ///   - digit: the one to read.
  ///   - others: digits of the same part of the data set, from which the scraps are cut.
  package init(of digit: Digit, among others: [Digit], random: SeededGenerator) {
    self.random = random
    canvas = Scene.background(&self.random)
    let height = self.random.uniform(13, 16)
    let centre =
      self.random.cellCentre()
      + SIMD2(
        Float(self.random.uniform(-1.5, 1.5)), Float(self.random.uniform(-1.5, 1.5)))
    for _ in 0..<self.random.integer(2, 4) { paintBlob() }
    for _ in 0..<self.random.integer(2, 4) { paintStroke() }
    for _ in 0..<self.random.integer(5, 8) {
      paintScrap(of: others, awayFrom: centre, by: Float(height / 2 + 4))
    }
    paint(digit, centre: centre, height: height)
  }

  /// 8-bit interleaved red, green and blue, `[64, 64, 3]`.
  package var pixels: [UInt8] { canvas.bytes }

  /// Stripes in one direction over a slow change between two colours, with some grain.
  private static func background(_ random: inout SeededGenerator) -> Canvas {
    let colours = (0..<3).map { _ in random.colour(saturation: 0.2...0.8, value: 0.1...0.5) }
    let slow = random.direction() * Float(random.uniform(0.02, 0.09))
    let fast = random.direction() * Float(random.uniform(0.3, 1.2))
    let phase = SIMD2(Float(random.uniform(0, 6.28)), Float(random.uniform(0, 6.28)))
    let strength = Float(random.uniform(0.05, 0.25))
    let grain = Float(random.uniform(0, 0.02))
    return Canvas(side: side) { x, y in
      let mix = 0.5 + 0.5 * sin(slow.x * x + slow.y * y + phase.x)
      let stripe = strength * (0.5 + 0.5 * sin(fast.x * x + fast.y * y + phase.y))
      let base = colours[0] + (colours[1] - colours[0]) * mix
      return base + (colours[2] - base) * stripe + grain * Float(random.normal())
    }
  }

  /// A filled ellipse with soft edges.
  private mutating func paintBlob() {
    let centre = random.place(margin: 0)
    let along = random.direction()
    let radii = SIMD2(Float(random.uniform(3, 10)), Float(random.uniform(3, 10)))
    let colour = random.colour(saturation: 0.2...0.9, value: 0.1...0.6)
    let opacity = Float(random.uniform(0.5, 0.9))
    canvas.paint(colour, centre: centre, radius: radii.max() + 2) { place in
      let offset = place - centre
      let turned = SIMD2(offset.x * along.x + offset.y * along.y, offset.y * along.x - offset.x * along.y)
      let distance = turned / radii
      return opacity * step((1 - (distance * distance).sum().squareRoot()) * radii.min())
    }
  }

  /// A thin bent line: a quadratic Bezier curve.
  private mutating func paintStroke() {
    let start = random.place(margin: -4)
    let end = random.place(margin: -4)
    let bend = random.place(margin: -16)
    let width = Float(random.uniform(0.5, 1.2))
    let colour = random.colour(saturation: 0.2...1, value: 0.1...1)
    let points = (0...48).map { index in
      let t = Float(index) / 48
      return start * ((1 - t) * (1 - t)) + bend * (2 * t * (1 - t)) + end * (t * t)
    }
    canvas.paint(colour, line: points, halfWidth: width)
  }

  /// A piece of another digit, at most half of its width and height, turned by any angle: no scrap can be read.
  /// It may touch other clutter, but not the digit, which must stay readable.
  private mutating func paintScrap(of others: [Digit], awayFrom avoided: SIMD2<Float>, by distance: Float) {
    let other = others[random.integer(0, others.count - 1)]
    let scale = Float(random.uniform(1.5, 2.1))
    let along = random.direction()
    var centre: SIMD2<Float>
    repeat {
      centre = random.place(margin: 2)
    } while ((centre - avoided) * (centre - avoided)).sum() < distance * distance
    let width = Float(random.uniform(2.5, 4))
    let height = Float(random.uniform(2.5, 4))
    // From the middle of the 8 x 8 pixels, where the ink is.
    let left = Float(random.uniform(1, Double(7 - width)))
    let top = Float(random.uniform(0, Double(8 - height)))
    paintInk(centre: centre, radius: scale * 3) { place in
      let offset = (place - centre) / scale
      let x = offset.x * along.x + offset.y * along.y + width / 2
      let y = offset.y * along.x - offset.x * along.y + height / 2
      let inside = min(min(x, width - x), min(y, height - y))
      return min(step(inside * scale), contour(other.ink(x: left + x, y: top + y)))
    }
  }

  /// The digit itself, nearly upright.
  private mutating func paint(_ digit: Digit, centre: SIMD2<Float>, height: Double) {
    let scale = SIMD2(Float(height * random.uniform(0.9, 1.1)), Float(height)) / Float(Digit.side)
    let angle = Float(random.uniform(-0.15, 0.15))
    let along = SIMD2(cos(angle), sin(angle))
    paintInk(centre: centre, radius: Float(height) * 0.75) { place in
      let offset = place - centre
      let x = (offset.x * along.x + offset.y * along.y) / scale.x + Float(Digit.side) / 2
      let y = (offset.y * along.x - offset.x * along.y) / scale.y + Float(Digit.side) / 2
      return contour(digit.ink(x: x, y: y))
    }
  }

  /// Paints in one colour that is lighter than what lies below.
  private mutating func paintInk(centre: SIMD2<Float>, radius: Float, coverage: (SIMD2<Float>) -> Float) {
    let below = canvas.mean(centre: centre, radius: radius, coverage: coverage)
    let drawn = random.colour(saturation: 0...1, value: 0...1)
    // On the way to white as far as it takes to stand out.
    let missing = min(1, below.luma + 0.35) - drawn.luma
    let colour = missing > 0 ? drawn + (Colour.one - drawn) * (missing / (1 - drawn.luma)) : drawn
    canvas.paint(colour, centre: centre, radius: radius, coverage: coverage)
  }
}

/// Turns interpolated ink into a pen's line with edges about a pixel wide.
private func contour(_ ink: Float) -> Float { min(1, max(0, (ink - 0.35) / 0.3)) }

extension SeededGenerator {
  /// Uniform over the whole numbers from `low` to `high`.
  fileprivate mutating func integer(_ low: Int, _ high: Int) -> Int {
    low + Int(bounded(UInt64(high - low + 1)))
  }

  fileprivate mutating func colour(
    saturation: ClosedRange<Double>, value: ClosedRange<Double>
  ) -> Colour {
    let hue = uniform()
    let saturation = uniform(saturation.lowerBound, saturation.upperBound)
    let value = uniform(value.lowerBound, value.upperBound)
    return Colour(hue: Float(hue), saturation: Float(saturation), value: Float(value))
  }

  /// A unit vector.
  fileprivate mutating func direction() -> SIMD2<Float> {
    let angle = uniform(0, 2 * .pi)
    return SIMD2(Float(cos(angle)), Float(sin(angle)))
  }

  /// The middle of one of the cells.
  fileprivate mutating func cellCentre() -> SIMD2<Float> {
    let last = Scene.side / Scene.cellSide - 1
    let (column, row) = (integer(0, last), integer(0, last))
    return (SIMD2(Float(column), Float(row)) + 0.5) * Float(Scene.cellSide)
  }

  /// A place at least `margin` pixels inside the scene.
  fileprivate mutating func place(margin: Double) -> SIMD2<Float> {
    let side = Double(Scene.side)
    let x = uniform(margin, side - margin)
    return SIMD2(Float(x), Float(uniform(margin, side - margin)))
  }
}
