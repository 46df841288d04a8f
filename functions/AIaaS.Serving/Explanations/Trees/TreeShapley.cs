using System.Numerics;

namespace AIaaS.Serving.Explanations.Trees;

/// <summary>
/// Shapley values of features against one background row at a time, read off the trees: those that the sum over all coalitions defines, without
/// running it (interventional TreeSHAP, Lundberg et al. 2020, algorithm 3).
/// </summary>
/// <remarks>
/// A row of which some features are ours and the others the background's ends in a leaf exactly if some features on the way are ours (A) and some
/// are not (B); what the leaf adds to the score is then a game of A and B alone. Where outputs are sums of scores, the values of these games are added up.
/// Otherwise the scores of all coalitions of the features by which any tree tells the two rows apart are put together from them, and what the graph
/// makes of these is shared out as the definition has it.
/// </remarks>
/// <param name="ensemble">The trees.</param>
/// <param name="sources">The feature of each column.</param>
/// <param name="features">How many there are.</param>
/// <param name="link">From scores to outputs.</param>
internal sealed class TreeShapley(TreeEnsemble ensemble, int[] sources, int features, ScoreLink link)
{
    /// <summary>Nodes passed and coalitions evaluated for one explanation, beyond which there are cheaper ways.</summary>
    private const long MostSteps = 50_000_000;

    private const int MostPlayers = 16;
    private const long MostCoalitions = 1 << 19;
    private const byte Ours = 1;
    private const byte Theirs = 2;

    private readonly byte[] _side = new byte[features];
    private readonly (int Feature, bool IsOurs)[] _path = new (int, bool)[features];
    private readonly int[] _players = new int[features];
    private readonly double[][] _registers = link.CreateRegisters();
    private readonly List<(uint In, uint Out, int Leaf)> _leaves = [];
    private readonly List<int> _playing = [];
    private readonly double[,] _scores = new double[features, ensemble.Targets];
    private long _steps;

    /// <param name="row">The explained row, encoded.</param>
    /// <param name="background">Encoded rows, one after another.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null where it would take too long, or where outputs are no sums and too many features tell the rows apart.</returns>
    public Attribution? Explain(ReadOnlyMemory<float> row, ReadOnlyMemory<float> background, CancellationToken cancellationToken)
    {
        var (width, outputs) = (row.Length, link.Outputs);
        var rows = background.Length / width;
        var (attributions, mean) = (new double[features, outputs], new double[outputs]);
        var coalitions = 0L;
        _steps = 0;
        Array.Clear(_scores);
        for (var number = 0; number < rows; number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var other = background.Slice(number * width, width).Span;
            var given = link.Apply(_registers, ensemble.Score(other));
            for (var output = 0; output < outputs; output++)
                mean[output] += given[output] / rows;
            Array.Fill(_players, -1);
            _playing.Clear();
            _leaves.Clear();
            foreach (var root in ensemble.Roots)
            {
                if (!Walk(root, 0, row.Span, other))
                    return null;
            }

            if (link.Slopes is not null)
                continue;
            coalitions += 1L << _playing.Count;
            if (coalitions > MostCoalitions)
                return null;
            AddCoalitions(attributions, ensemble.Score(other), 1.0 / rows);
        }

        if (link.Slopes is { } slopes)
        {
            for (var feature = 0; feature < features; feature++)
            {
                for (var output = 0; output < outputs; output++)
                {
                    for (var target = 0; target < ensemble.Targets; target++)
                        attributions[feature, output] += slopes[output, target] * _scores[feature, target] / rows;
                }
            }
        }

        return new(ExplanationMethod.Trees, mean, (double[])link.Apply(_registers, ensemble.Score(row.Span)).Clone(), attributions, 0);
    }

    /// <summary>Follows both rows at once, and each by itself from where they part.</summary>
    /// <returns>False where it takes too long.</returns>
    private bool Walk(int at, int length, ReadOnlySpan<float> row, ReadOnlySpan<float> other)
    {
        while (true)
        {
            if (++_steps > MostSteps)
                return false;
            var node = ensemble.Nodes[at];
            if (node.Comparison == Comparison.Leaf)
                return Reach(at, length);
            var ours = node.Holds(row[node.Column]);
            var theirs = node.Holds(other[node.Column]);
            var feature = sources[node.Column];
            var side = feature == ColumnSources.None ? Ours : _side[feature];
            if (side == 0 && ours != theirs)
            {
                _path[length] = (feature, true);
                _side[feature] = Ours;
                var goesOn = Walk(ours ? node.WhenTrue : node.WhenFalse, length + 1, row, other);
                _path[length] = (feature, false);
                _side[feature] = Theirs;
                goesOn = goesOn && Walk(theirs ? node.WhenTrue : node.WhenFalse, length + 1, row, other);
                _side[feature] = 0;
                return goesOn;
            }

            at = (side == Theirs ? theirs : ours) ? node.WhenTrue : node.WhenFalse;
        }
    }

    private bool Reach(int leaf, int length)
    {
        var path = _path.AsSpan(0, length);
        if (link.Slopes is null)
            return Keep(leaf, path);
        var ours = 0;
        foreach (var (_, isOurs) in path)
            ours += isOurs ? 1 : 0;
        var (gain, loss) = (Weight(ours, length - ours), -Weight(length - ours, ours));
        var node = ensemble.Nodes[leaf];
        foreach (var (feature, isOurs) in path)
        {
            foreach (var (target, weight) in ensemble.Weights.AsSpan(node.WhenTrue..node.WhenFalse))
                _scores[feature, target] += (isOurs ? gain : loss) * weight;
        }

        return true;
    }

    private bool Keep(int leaf, ReadOnlySpan<(int Feature, bool IsOurs)> path)
    {
        var (inside, outside) = (0u, 0u);
        foreach (var (feature, isOurs) in path)
        {
            if (_players[feature] < 0)
            {
                if (_playing.Count == MostPlayers)
                    return false;
                _players[feature] = _playing.Count;
                _playing.Add(feature);
            }

            if (isOurs)
                inside |= 1u << _players[feature];
            else
                outside |= 1u << _players[feature];
        }

        if (path.Length > 0)
            _leaves.Add((inside, outside, leaf));
        return true;
    }

    /// <summary>Adds what the definition gives for the features that tell our row from one background row.</summary>
    private void AddCoalitions(double[,] attributions, double[] theirs, double share)
    {
        var (players, targets, width) = (_playing.Count, ensemble.Targets, link.Outputs);
        var scores = CoalitionScores(theirs);
        var shares = new double[players * width];
        for (var coalition = 0; coalition < 1 << players; coalition++)
        {
            var outputs = link.Apply(_registers, scores.AsSpan(coalition * targets, targets));
            var size = BitOperations.PopCount((uint)coalition);
            var (joined, before) = (Weight(size, players - size) * share, Weight(players - size, size) * share);
            for (int player = 0, at = 0; player < players; player++)
            {
                var weight = (coalition >> player & 1) != 0 ? joined : -before;
                for (var output = 0; output < width; output++)
                    shares[at++] += weight * outputs[output];
            }
        }

        for (var i = 0; i < shares.Length; i++)
            attributions[_playing[i / width], i % width] += shares[i];
    }

    /// <summary>The scores of each coalition, in the order of their bits.</summary>
    private double[] CoalitionScores(double[] theirs)
    {
        var (players, targets) = (_playing.Count, ensemble.Targets);
        var scores = new double[targets << players];
        // A leaf that is reached with A in and B out counts for A and all that is added to it, less what has any of B (inclusion and exclusion):
        // these signs are summed up over subsets at the end.
        foreach (var (inside, outside, leaf) in _leaves)
        {
            var node = ensemble.Nodes[leaf];
            for (var some = outside; ; some = (some - 1) & outside)
            {
                var sign = (BitOperations.PopCount(some) & 1) == 0 ? 1 : -1;
                foreach (var (target, weight) in ensemble.Weights.AsSpan(node.WhenTrue..node.WhenFalse))
                    scores[((inside | some) * targets) + target] += sign * weight;
                _steps++;
                if (some == 0)
                    break;
            }
        }

        for (var player = 0; player < players; player++)
        {
            var step = targets << player;
            for (var first = 0; first < scores.Length; first += 2 * step)
            {
                for (var i = first; i < first + step; i++)
                    scores[i + step] += scores[i];
            }
        }

        // Leaves that both rows end in were left out.
        for (var target = 0; target < targets; target++)
        {
            var common = theirs[target] - scores[target];
            for (var i = target; i < scores.Length; i += targets)
                scores[i] += common;
        }

        return scores;
    }

    /// <summary>The Shapley value of a member where all of some members and none of the others make 1: (m - 1)! o! / (m + o)!.</summary>
    private static double Weight(int members, int others)
    {
        var weight = 1.0 / Math.Max(1, members);
        for (var i = 1; i <= others; i++)
            weight *= (double)i / (members + i);
        return weight;
    }
}
