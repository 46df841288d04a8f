using System.Text.Json;

namespace AIaaS.Learning.Sweeps;

/// <summary>
/// A density over a search space: around each of some configurations a product of kernels, one for each hyperparameter, and beside
/// them one kernel over everything. The kernel of a number is a normal distribution on its scale, cut off at its bounds, whose width
/// follows from how far the neighbours are; that of a choice gives it most of the mass and the others an equal share of the rest.
/// A hyperparameter that a configuration lacks has its widest kernel there, so that conditions need no further rule.
/// </summary>
internal sealed class ParzenMixture
{
    private readonly SearchSpace _space;
    private readonly IReadOnlyList<Configuration> _centres;
    private readonly Dictionary<string, IKernels> _kernels;

    /// <param name="space">All configurations.</param>
    /// <param name="centres">The ones around which mass lies.</param>
    public ParzenMixture(SearchSpace space, IReadOnlyList<Configuration> centres)
    {
        (_space, _centres) = (space, centres);
        _kernels = space.Dimensions.ToDictionary(d => d.Name, d => (IKernels)(d switch
        {
            NumberDimension number => new NumberKernels(number, [.. centres.Select(c => Value(c, d) is { } v ? number.PositionOf(v) : null)]),
            ChoiceDimension choice => new ChoiceKernels(choice, [.. centres.Select(c => Value(c, d) is { } v ? choice.IndexOf(v) : -1)]),
            _ => throw new ArgumentException($"{d.GetType().Name} has no kernel.", nameof(space)),
        }));
    }

    public Configuration Draw(Draws draws)
    {
        var component = draws.Index(_centres.Count + 1);
        return _space.Build(d => _kernels[d.Name].Draw(component, draws));
    }

    public double LogDensity(Configuration configuration)
    {
        var components = _centres.Count + 1;
        Span<double> logs = components <= 256 ? stackalloc double[components] : new double[components];
        logs.Clear();
        foreach (var (name, value) in configuration.Values)
            _kernels[name].AddLogDensity(value, logs);
        var largest = double.NegativeInfinity;
        foreach (var log in logs)
            largest = Math.Max(largest, log);
        double sum = 0;
        foreach (var log in logs)
            sum += Math.Exp(log - largest);
        return largest + Math.Log(sum / components);
    }

    private static JsonElement? Value(Configuration configuration, Dimension dimension) =>
        configuration.Values.TryGetValue(dimension.Name, out var value) ? value : null;

    /// <summary>The kernels of one hyperparameter, one for each centre and the widest last.</summary>
    private interface IKernels
    {
        JsonElement Draw(int component, Draws draws);

        void AddLogDensity(JsonElement value, Span<double> logs);
    }

    private sealed class NumberKernels : IKernels
    {
        private const int MostParts = 100;

        private readonly NumberDimension _dimension;
        private readonly TruncatedNormal[] _kernels;

        public NumberKernels(NumberDimension dimension, double?[] positions)
        {
            _dimension = dimension;
            var (low, high) = (dimension.Low, dimension.High);
            var range = high - low;
            var middle = low + (range / 2);
            double[] known = [.. positions.OfType<double>(), middle];
            double[] sorted = [.. known.Order()];
            // Few centres say little of how narrow the good part is.
            var narrowest = range / Math.Min(MostParts, known.Length + 1);
            var widest = new TruncatedNormal(middle, range, low, high);
            _kernels =
            [
                .. positions.Select(p => p is { } position ? new(position, Math.Clamp(Width(position), narrowest, range), low, high) : widest),
                widest,
            ];

            double Width(double position)
            {
                var index = Array.BinarySearch(sorted, position);
                var below = index > 0 ? sorted[index - 1] : low;
                var above = index < sorted.Length - 1 ? sorted[index + 1] : high;
                return Math.Max(position - below, above - position);
            }
        }

        public JsonElement Draw(int component, Draws draws) => _dimension.ValueAt(_kernels[component].Draw(draws));

        public void AddLogDensity(JsonElement value, Span<double> logs)
        {
            if (_dimension.PositionOf(value) is not { } position)
                return;
            var (from, to) = _dimension.CellOf(position);
            for (var i = 0; i < logs.Length; i++)
                logs[i] += from < to ? Math.Log(_kernels[i].Mass(from, to)) : _kernels[i].LogDensity(position);
        }
    }

    private sealed class ChoiceKernels(ChoiceDimension dimension, int[] centres) : IKernels
    {
        private readonly double _rest = 1.0 / (centres.Length + 1);

        public JsonElement Draw(int component, Draws draws)
        {
            var centre = component < centres.Length ? centres[component] : -1;
            return centre >= 0 && draws.Uniform() * (1 + (_rest * dimension.Choices.Count)) < 1 ? dimension.Choices[centre] : dimension.Sample(draws);
        }

        public void AddLogDensity(JsonElement value, Span<double> logs)
        {
            var choice = dimension.IndexOf(value);
            var count = dimension.Choices.Count;
            for (var i = 0; i < logs.Length; i++)
            {
                logs[i] += Math.Log(i < centres.Length && centres[i] >= 0
                    ? ((centres[i] == choice ? 1 : 0) + _rest) / (1 + (_rest * count))
                    : 1.0 / count);
            }
        }
    }
}
