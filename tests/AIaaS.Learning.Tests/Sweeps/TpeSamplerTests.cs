using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

/// <summary>
/// Against random search on the usual functions (Surjanovic and Bingham, Virtual Library of Simulation Experiments), by how far the
/// best of 40 trials is from the known minimum, as a power of ten, on average over 25 seeds.
/// </summary>
public sealed class TpeSamplerTests
{
    private const int Trials = 40;
    private const int Seeds = 25;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void It_beats_random_search_on_branin(int atOnce) => AssertBetter(
        0.3,
        new() { ["x"] = HyperparameterRange.Uniform(-5, 10, 2.5), ["y"] = HyperparameterRange.Uniform(0, 15, 7.5) },
        c => Branin(Number(c, "x"), Number(c, "y")) - 0.397887,
        atOnce);

    [Fact]
    public void It_beats_random_search_on_hartmann_in_six_dimensions() => AssertBetter(
        0.2,
        Enumerable.Range(0, 6).ToDictionary(i => $"x{i}", _ => HyperparameterRange.Uniform(0, 1, 0.5)),
        c => Hartmann([.. Enumerable.Range(0, 6).Select(i => Number(c, $"x{i}"))]) + 3.32237);

    [Fact]
    public void It_beats_random_search_on_rosenbrock() => AssertBetter(
        0.3,
        Enumerable.Range(0, 4).ToDictionary(i => $"x{i}", _ => HyperparameterRange.Uniform(-5, 10, 2.5)),
        c => Rosenbrock([.. Enumerable.Range(0, 4).Select(i => Number(c, $"x{i}"))]));

    [Fact]
    public void It_beats_random_search_where_choices_decide_what_matters() => AssertBetter(
        0.2,
        new()
        {
            ["optimizer"] = HyperparameterRange.OneOf("adam", "sgd"),
            ["rate"] = HyperparameterRange.LogUniform(1e-5, 1, 0.01),
            ["momentum"] = HyperparameterRange.Uniform(0, 0.99, 0.5) with { When = new("optimizer", [JsonSerializer.SerializeToElement("sgd")]) },
            ["layers"] = HyperparameterRange.Integers(1, 8, 2),
            ["activation"] = HyperparameterRange.OneOf("sigmoid", "tanh", "relu"),
        },
        Network);

    [Fact]
    public void Trials_at_the_same_time_keep_apart()
    {
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange> { ["x"] = HyperparameterRange.Uniform(0, 1, 0.5) });
        Configuration[] ranked = [.. Enumerable.Range(0, 20).Select(i => At(0.3 + (i * 0.033)))];
        var sampler = new TpeSampler(startup: 5);

        Assert.True(Nearest([]) < Nearest([At(0.3), At(0.301), At(0.299), At(0.302), At(0.298)]));

        // How far from the best the draws are on average.
        double Nearest(Configuration[] running) => Enumerable.Range(0, 50)
            .Average(trial => Math.Abs(Number(sampler.Next(space, new(ranked, [], running), new Draws(3, trial))!, "x") - 0.3));

        static Configuration At(double x) => new(new Dictionary<string, JsonElement> { ["x"] = JsonSerializer.SerializeToElement(x) });
    }

    [Fact]
    public void What_fails_is_shunned()
    {
        // Above a half nothing can be trained; below it nothing is better than the rest.
        var space = new SearchSpace(new Dictionary<string, HyperparameterRange> { ["x"] = HyperparameterRange.Uniform(0, 1, 0.25) });
        var sampler = new TpeSampler(startup: 10);
        var (ranked, failed) = (new List<Configuration>(), new List<Configuration>());

        for (var trial = 1; trial <= 100; trial++)
        {
            var next = sampler.Next(space, new([.. ranked], [.. failed], []), new Draws(7, trial))!;
            if (Number(next, "x") > 0.5)
                failed.Add(next);
            else
                ranked.Insert(new Draws(8, trial).Index(ranked.Count + 1), next);
        }

        Assert.InRange(failed.Count, 1, 25);
    }

    private static void AssertBetter(double powers, Dictionary<string, HyperparameterRange> ranges, Func<Configuration, double> regret, int atOnce = 1)
    {
        var space = new SearchSpace(ranges);
        var random = Mean(new RandomSampler());
        var tpe = Mean(new TpeSampler(startup: 10));

        Assert.True(tpe < random - powers, $"TPE comes to 10^{tpe:F2}, random search to 10^{random:F2}.");

        double Mean(ISampler sampler) => Enumerable.Range(1, Seeds).Average(seed =>
        {
            var tried = new List<(Configuration Configuration, double Regret)>();
            while (tried.Count < Trials)
            {
                Configuration[] ranked = [.. tried.OrderBy(t => t.Regret).Select(t => t.Configuration)];
                var running = new List<Configuration>();
                while (running.Count < atOnce)
                    running.Add(sampler.Next(space, new(ranked, [], running.ToArray()), new Draws(seed, tried.Count + running.Count))!);
                tried.AddRange(running.Select(c => (c, regret(c))));
            }

            return Math.Log10(tried.Min(t => t.Regret));
        });
    }

    private static double Number(Configuration configuration, string name) => configuration.Values[name].GetDouble();

    private static double Branin(double x, double y) =>
        Math.Pow(y - (5.1 / (4 * Math.PI * Math.PI) * x * x) + (5 / Math.PI * x) - 6, 2) + (10 * (1 - (1 / (8 * Math.PI))) * Math.Cos(x)) + 10;

    private static double Rosenbrock(double[] x) => x.Zip(x.Skip(1), (a, b) => (100 * Math.Pow(b - (a * a), 2)) + Math.Pow(1 - a, 2)).Sum();

    private static double Hartmann(double[] x)
    {
        double[] heights = [1, 1.2, 3, 3.2];
        double[][] widths = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]];
        double[][] centres =
        [
            [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
            [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
            [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
            [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
        ];
        return -Enumerable.Range(0, 4).Sum(i => heights[i] * Math.Exp(-Enumerable.Range(0, 6).Sum(j => widths[i][j] * Math.Pow(x[j] - centres[i][j], 2))));
    }

    /// <summary>Like the validation loss of a network: 0 for SGD at a rate of 0.1 with momentum 0.9 and three layers of ReLUs.</summary>
    private static double Network(Configuration configuration)
    {
        var rate = Math.Log10(Number(configuration, "rate"));
        var activation = configuration.Values["activation"].GetString() switch { "relu" => 0, "tanh" => 0.3, _ => 0.8 };
        var optimizer = configuration.Values["optimizer"].GetString() == "sgd"
            ? (Math.Pow(rate + 1, 2) / 2) + (4 * Math.Pow(Number(configuration, "momentum") - 0.9, 2))
            : 0.2 + (Math.Pow(rate + 3, 2) / 2);
        return activation + optimizer + (Math.Pow(Number(configuration, "layers") - 3, 2) / 20);
    }
}
