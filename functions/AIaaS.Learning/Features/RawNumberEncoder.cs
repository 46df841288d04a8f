using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Features;

/// <summary>Numbers, booleans and times as they are, for trainers to which scale means nothing; missing and infinite values are NaN.</summary>
internal sealed class RawNumberEncoder : IFeatureEncoder
{
    public bool Accepts(FeatureColumn column) => column is NumberColumn;

    public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context) => new Fitted([.. columns.Select(c => c.Name)]);

    private sealed class Fitted(string[] names) : IFittedEncoder
    {
        public IReadOnlyList<FeatureSlot> Slots { get; } = [.. names.Select(name => new FeatureSlot(name, name))];

        public IReadOnlyList<string> Notes => [];

        public Value Build(IReadOnlyList<Value> inputs)
        {
            var raw = inputs.Concat(axis: 1);
            // Infinity less itself is NaN as well; adding the difference leaves every other number as it is.
            return raw + (raw - raw);
        }
    }
}
