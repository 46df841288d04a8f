using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Features;

/// <summary>
/// Categories as one-hot numbers of a fixed number of buckets (Weinberger et al. 2009): values that training never saw have
/// their place too, and share it with others. The bucket is MurmurHash3 (32 bits, seed 0, of the UTF-8 text) modulo their number.
/// </summary>
internal sealed class HashEncoder(int buckets = 256) : IFeatureEncoder
{
    public bool Accepts(FeatureColumn column) => column is TextColumn;

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context) => new Fitted(buckets, [.. columns.Select(c => c.Name)]);

    private sealed class Fitted(int buckets, string[] names) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } =
            [.. names.SelectMany(name => Enumerable.Range(0, buckets).Select(bucket => new FeatureSlot(FormattableString.Invariant($"{name} in bucket {bucket}"), name)))];

        public IReadOnlyList<string> Notes => [];

        public Value Build(IReadOnlyList<Value> inputs) => inputs.Select(Build).ToArray().Concat(axis: 1);

        private Value Build(Value input)
        {
            var hash = input.Hash().Cast(TensorElementType.Int64);
            // Whole numbers divide without a rest, and hashes are not below 0.
            var bucket = hash - (hash / buckets * buckets);
            return bucket.OneHot(buckets).Reshape([input.Shape[0], buckets]);
        }
    }
}
