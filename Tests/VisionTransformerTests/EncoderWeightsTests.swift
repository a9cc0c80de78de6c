import Compute
import Files
import Tensors
import Testing
import VisionTransformer

struct EncoderWeightsTests {
  /// The error of an encoder made from the reference model's weights after a change to them.
  private func error(
    _ name: String = "rectangular", _ change: (inout [String: Tensor]) -> Void
  ) throws -> InputError? {
    let model = try ReferenceModel(name)
    var weights = model.weights
    change(&weights)
    do {
      _ = try Encoder(configuration: model.configuration, weights: weights)
      return nil
    } catch {
      return error
    }
  }

  @Test func leavesOtherWeightsAlone() throws {
    #expect(try error { $0["decoder.weight"] = Tensor([1], shape: [1]) } == nil)
  }

  @Test(arguments: ReferenceModel.names)
  func everyMissingWeightIsNamed(name: String) throws {
    for key in try ReferenceModel(name).weights.keys {
      let error = try error(name) { $0[key] = nil }
      #expect(error == InputError(key, "is missing from the encoder's weights"))
    }
  }

  @Test(arguments: ReferenceModel.names)
  func everyWronglyShapedWeightIsNamed(name: String) throws {
    for (key, tensor) in try ReferenceModel(name).weights {
      let shapes = [[], [0], [tensor.count + 1], tensor.shape + [1], [1] + tensor.shape]
      for shape in shapes where shape != tensor.shape {
        let count = shape.reduce(1, *)
        let error = try error(name) { $0[key] = Tensor(repeatElement(0, count: count), shape: shape) }
        #expect(error?.subject == key)
        #expect(error?.reason.hasPrefix("has the shape \(shape), where the encoder needs ") == true)
      }
    }
  }

  @Test func wholeNumbersAreNoWeights() throws {
    let error = try error {
      $0["norm.bias"] = Tensor(
        owning: SharedBuffer<UInt8>(count: 24 * 4), elementType: .int32, shape: [24])
    }
    #expect(
      error == InputError("norm.bias", "holds int32 values, where the encoder needs floating-point ones"))
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aWeightThatIsNotFiniteIsNamed(value: Float) throws {
    let error = try error {
      $0["blocks.1.norm2.weight"] = Tensor([Float](repeating: 1, count: 23) + [value], shape: [24])
    }
    #expect(error?.subject == "blocks.1.norm2.weight")
    #expect(error?.reason == "holds an infinity or NaN")
  }
}
