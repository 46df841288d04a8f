namespace AIaaS.Learning.Sweeps;

/// <summary>
/// Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011), with one joint density over all hyperparameters as
/// in BOHB (Falkner, Klein and Hutter 2018): draws from the density of the best configurations and takes the one that is likeliest
/// there compared with the density of the others. Running trials count among those others (constant liars), so that trials at the
/// same time are not alike; so do failed ones.
/// </summary>
/// <param name="startup">Random configurations to begin with.</param>
internal sealed class TpeSampler(int startup) : ISampler
{
    /// <summary>Share of the judged configurations that counts as good.</summary>
    private const double GoodShare = 0.2;

    private const int Candidates = 24;

    private readonly RandomSampler _random = new();

    public Configuration? Next(SearchSpace space, Observations observations, Draws draws)
    {
        var (ranked, failed, running) = (observations.Ranked, observations.Failed, observations.Running);
        var good = (int)Math.Ceiling(ranked.Count * GoodShare);
        if (ranked.Count + failed.Count < startup || ranked.Count < 2)
            return _random.Next(space, observations, draws);

        var best = new ParzenMixture(space, [.. ranked.Take(good)]);
        var others = new ParzenMixture(space, [.. ranked.Skip(good), .. failed, .. running]);
        Configuration? chosen = null;
        var most = double.NegativeInfinity;
        for (var i = 0; i < Candidates; i++)
        {
            var drawn = best.Draw(draws);
            if (observations.Keys.Contains(drawn.Key))
                continue;
            var promise = best.LogDensity(drawn) - others.LogDensity(drawn);
            if (promise > most)
                (chosen, most) = (drawn, promise);
        }

        return chosen ?? _random.Next(space, observations, draws);
    }

    public bool IsExhausted(SearchSpace space, IReadOnlySet<string> tried) => _random.IsExhausted(space, tried);
}
