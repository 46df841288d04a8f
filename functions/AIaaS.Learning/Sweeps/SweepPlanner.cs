using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Sweeps;

/// <summary>
/// Decides what a sweep tries next. Every decision is a function of the plan, the seed and the results so far, so that a host that
/// crashed plans the same again. Each trainer's defaults come first; half of the trials, but few for each trainer, are dealt evenly;
/// the rest goes to those that have the best ones.
/// </summary>
public sealed class SweepPlanner
{
    /// <summary>One in three goes on to the next rung, with three times the budget (Li et al. 2020).</summary>
    private const int Reduction = 3;

    /// <summary>Rows below which a trial tells little of the trainer on all of them, and is done soon anyway.</summary>
    private const long RungRows = 10_000;

    private const int MostRungs = 3;

    /// <summary>Trials that a trainer has whatever the others promise.</summary>
    private const int Floor = 5;

    /// <summary>Trials after which a trainer that has only failed is given up.</summary>
    private const int Patience = 2;

    private const double SecondsPerHour = 3600;

    private readonly IReadOnlyList<Arm> _arms;
    private readonly IReadOnlyList<double> _rungs;
    private readonly bool _higherIsBetter;
    private readonly double? _seconds;
    private readonly long _seed;
    private readonly int _floor;

    internal SweepPlanner(
        SweepPlan plan,
        IReadOnlyList<(string Trainer, IReadOnlyDictionary<string, HyperparameterRange> Space)> spaces,
        bool higherIsBetter,
        long rows,
        long seed,
        int threads = 1)
    {
        foreach (var (trainer, ranges) in spaces)
            Require(SweepValidation.CheckSpace($"sweep.spaces.{trainer}", ranges));

        (_higherIsBetter, _seed) = (higherIsBetter, seed);
        _seconds = plan.MaxCpuHours * SecondsPerHour / threads;
        _rungs = plan.EarlyTermination is EarlyTermination.Hyperband ? Rungs(rows) : [1];
        var trials = plan.MaxTrials ?? Math.Max(Suggested(rows), 2 * spaces.Count);
        _floor = Math.Clamp(trials / (2 * spaces.Count), 1, Floor);
        var searched = spaces.Select(s => new SearchSpace(s.Space)).ToList();
        var shares = Shares(trials, [.. searched.Select(s => s.All?.Count ?? int.MaxValue)]);
        _arms = [.. spaces.Select((s, i) => Arm.Create(s.Trainer, searched[i], plan.Sampler, shares[i]))];
        MaxTrials = (int)Math.Min(trials, _arms.Sum(a => (long)a.Most));
    }

    /// <summary>Configurations that the sweep tries at most; one that goes on with a larger budget is counted once.</summary>
    public int MaxTrials { get; }

    /// <param name="plan">The pipeline's <c>sweep</c>.</param>
    /// <param name="trainers">Names of trainers, in the order in which their defaults are tried.</param>
    /// <param name="task">What is to be learned.</param>
    /// <param name="rows">Rows to be trained on.</param>
    /// <param name="seed">Of everything random.</param>
    /// <param name="threads">Threads of a trial: its seconds times these are what it takes of <see cref="SweepPlan.MaxCpuHours"/>.</param>
    /// <exception cref="TrainingException">The plan cannot be followed; the detail begins with the field that is wrong.</exception>
    public static SweepPlanner Create(SweepPlan plan, IReadOnlyList<string> trainers, LearningTask task, long rows, long seed, int threads = 1)
    {
        Require(SweepValidation.Check(plan, trainers, task));
        var registered = TrainerRegistry.Create(TimeProvider.System);
        var spaces = trainers.Distinct(StringComparer.Ordinal).Select(name =>
        {
            var own = registered.First(t => t.Name == name).Space(task, (int)Math.Min(rows, int.MaxValue));
            return (name, SweepValidation.Merge(own, plan.Spaces?.GetValueOrDefault(name)));
        });
        var objective = plan.Objective is { } metric ? Metrics.Find(metric)! : Metrics.For(task)[0];
        return new(plan, [.. spaces], objective.HigherIsBetter, rows, seed, threads);
    }

    /// <summary>What is to be tried next, numbered after what there is.</summary>
    /// <param name="finished">All results, in any order.</param>
    /// <param name="running">Trials whose results are still to come.</param>
    /// <param name="count">Trials at most.</param>
    /// <returns>Empty where nothing is to be tried now; <see cref="IsComplete"/> tells whether ever.</returns>
    public IReadOnlyList<TrialSpec> Next(IReadOnlyList<TrialResult> finished, IReadOnlyList<TrialSpec> running, int count)
    {
        var next = new List<TrialSpec>();
        if (finished.Sum(r => r.Seconds) >= _seconds)
            return next;

        while (next.Count < count)
        {
            List<TrialSpec> open = [.. running, .. next];
            var number = finished.Select(r => r.Spec.Trial).Concat(open.Select(s => s.Trial)).DefaultIfEmpty().Max() + 1;
            var candidates = Candidates(finished, open);
            if ((Promote(candidates, number) ?? Start(candidates, number)) is not { } spec)
                break;
            next.Add(spec);
        }

        return next;
    }

    /// <summary>Whether nothing is left to be tried, when no trial is running.</summary>
    public bool IsComplete(IReadOnlyList<TrialResult> finished) => Next(finished, [], 1).Count == 0;

    /// <summary>
    /// One result for each configuration, that of its largest budget. First those of the full budget, the best before the others,
    /// of equal ones the earlier. Then what was given up on the way or has not come to its full budget, marked as
    /// <see cref="TrialStatus.Pruned"/>, the farthest first. Last what failed.
    /// </summary>
    public IReadOnlyList<TrialResult> Rank(IReadOnlyList<TrialResult> finished)
    {
        var candidates = Candidates(finished, []);
        return
        [
            .. candidates.Where(c => c.Full is not null).OrderBy(c => c.Loss).Select(c => c.Full!),
            .. candidates.Where(c => c.Full is null && !c.HasFailed)
                .OrderByDescending(c => c.Reached).ThenBy(c => c.Loss).Select(c => c.Last! with { Status = TrialStatus.Pruned }),
            .. candidates.Where(c => c.Full is null && c.HasFailed).Select(c => c.Last! with { Status = TrialStatus.Failed }),
        ];
    }

    /// <summary>Shares of the effort, from the first to the full one; only the full one where the data is small.</summary>
    internal static IReadOnlyList<double> Rungs(long rows)
    {
        var rungs = new List<double> { 1 };
        for (var divisor = Reduction; rungs.Count <= MostRungs && rows / divisor >= RungRows; divisor *= Reduction)
            rungs.Insert(0, 1.0 / divisor);
        return rungs;
    }

    private static int Suggested(long rows) => rows < 1000 ? 12 : rows < 10_000 ? 20 : 30;

    /// <summary>Trials by trainer if they are dealt evenly, as far as a trainer has so many configurations.</summary>
    private static int[] Shares(int trials, IReadOnlyList<int> most)
    {
        var shares = new int[most.Count];
        for (var left = trials; left > 0 && shares.Index().Any(s => s.Item < most[s.Index]);)
        {
            for (var i = 0; i < shares.Length && left > 0; i++)
            {
                if (shares[i] == most[i])
                    continue;
                shares[i]++;
                left--;
            }
        }

        return shares;
    }

    /// <exception cref="TrainingException">There is an error.</exception>
    internal static void Require((string Field, string Demand)? error)
    {
        if (error is { } wrong)
            throw new TrainingException("The sweep cannot be planned", $"'{wrong.Field}' {wrong.Demand}");
    }

    /// <summary>In the order in which they were first tried.</summary>
    private List<Candidate> Candidates(IReadOnlyList<TrialResult> finished, IReadOnlyList<TrialSpec> running)
    {
        var candidates = new Dictionary<(string, string), Candidate>();
        var ordered = new List<Candidate>();
        var trials = finished.Select(r => (r.Spec, Result: (TrialResult?)r)).Concat(running.Select(s => (Spec: s, Result: (TrialResult?)null)));
        foreach (var (spec, result) in trials.OrderBy(t => t.Spec.Trial))
        {
            var configuration = new Configuration(spec.Hyperparameters);
            if (!candidates.TryGetValue((spec.Trainer, configuration.Key), out var candidate))
            {
                candidate = candidates[(spec.Trainer, configuration.Key)] = new(spec.Trainer, configuration, _higherIsBetter);
                ordered.Add(candidate);
            }

            if (result is not null)
                candidate.Add(result);
            else
                candidate.Run(spec);
        }

        return ordered;
    }

    /// <summary>Asynchronous successive halving: whatever is among the best third of what its rung has seen goes on at once.</summary>
    private TrialSpec? Promote(List<Candidate> candidates, int number)
    {
        for (var rung = _rungs.Count - 2; rung >= 0; rung--)
        {
            foreach (var arm in _arms)
            {
                // Trainers climb alone: what one of them has learned after a tenth of its effort says nothing of another.
                var own = candidates.FindAll(c => c.Trainer == arm.Trainer);
                var seen = own.FindAll(c => c.LossAt(_rungs[rung]) is not null || c.HasFailed);
                var places = seen.Count / Reduction;
                if (places == 0 && own.TrueForAll(c => !c.IsRunning && c.Full is null) && !CanStart(arm, candidates))
                    places = 1;
                var promoted = seen.Where(c => !c.HasFailed).OrderBy(c => c.LossAt(_rungs[rung])).Take(places)
                    .FirstOrDefault(c => c.IsAt(_rungs[rung]) && !c.IsRunning && c.Last!.Status is TrialStatus.Succeeded);
                if (promoted is not null)
                    return new() { Trial = number, Trainer = arm.Trainer, Hyperparameters = promoted.Configuration.Values, Budget = _rungs[rung + 1] };
            }
        }

        return null;
    }

    private TrialSpec? Start(List<Candidate> candidates, int number)
    {
        var arms = _arms.Where(a => CanStart(a, candidates)).ToList();
        var draws = new Draws(_seed, number);
        while (arms.Count > 0)
        {
            var arm = Choose(arms, candidates, draws);
            var own = candidates.FindAll(c => c.Trainer == arm.Trainer);
            if (own.Count == 0)
                return new() { Trial = number, Trainer = arm.Trainer, Hyperparameters = arm.Space.Default.Values };
            if (arm.Sampler.Next(arm.Space, Observe(arm, own), draws) is { } configuration)
                return new() { Trial = number, Trainer = arm.Trainer, Hyperparameters = configuration.Values, Budget = _rungs[0] };
            arms.Remove(arm);
        }

        return null;
    }

    private bool CanStart(Arm arm, List<Candidate> candidates)
    {
        var own = candidates.FindAll(c => c.Trainer == arm.Trainer);
        var ended = own.FindAll(c => c.Last is not null);
        return candidates.Count < MaxTrials
            && !(ended.Count >= Math.Min(Patience, arm.Most) && ended.TrueForAll(c => c.HasFailed))
            && (own.Count == 0 || !arm.Sampler.IsExhausted(arm.Space, own.Select(c => c.Configuration.Key).ToHashSet()));
    }

    private Arm Choose(List<Arm> arms, List<Candidate> candidates, Draws draws)
    {
        var fewest = arms.MinBy(Tried)!;
        if (fewest.Sampler is GridSampler || Tried(fewest) < _floor)
            return fewest;

        // The better a quarter of the full trials are a trainer's, the more it gets; half a trial each keeps all in play.
        var full = candidates.Where(c => c.Full is not null).OrderBy(c => c.Loss).ToList();
        var best = full.Take((full.Count + 3) / 4).ToList();
        return arms[draws.Weighted([.. arms.Select(a => best.Count(c => c.Trainer == a.Trainer) + 0.5)])];

        int Tried(Arm arm) => candidates.Count(c => c.Trainer == arm.Trainer);
    }

    /// <summary>
    /// Ranks by what was seen at one rung, the highest that enough configurations have reached (as BOHB does): that a configuration
    /// was tried for longer is no merit. Those that did not come so far follow.
    /// </summary>
    private Observations Observe(Arm arm, List<Candidate> candidates)
    {
        var judged = candidates.FindAll(c => c.Last is not null);
        var able = judged.FindAll(c => !c.HasFailed);
        var rung = _rungs.LastOrDefault(r => able.Count(c => c.LossAt(r) is not null) > arm.Space.Dimensions.Count, _rungs[0]);
        return new(
            [
                .. able.Where(c => c.LossAt(rung) is not null).OrderBy(c => c.LossAt(rung)).Select(c => c.Configuration),
                .. able.Where(c => c.LossAt(rung) is null).OrderByDescending(c => c.Reached).ThenBy(c => c.Loss).Select(c => c.Configuration),
            ],
            [.. judged.Where(c => c.HasFailed).Select(c => c.Configuration)],
            [.. candidates.Where(c => c.Last is null).Select(c => c.Configuration)]);
    }

    /// <summary>A trainer in the sweep.</summary>
    /// <param name="Most">Configurations there are, or that the sampler would try.</param>
    private sealed record Arm(string Trainer, SearchSpace Space, ISampler Sampler, int Most)
    {
        private const int FewestRandom = 3;
        private const int MostRandom = 10;

        public static Arm Create(string trainer, SearchSpace space, SweepSampler sampler, int share) => sampler switch
        {
            SweepSampler.Grid when new GridSampler(space, share) is var grid => new(trainer, space, grid, grid.Grid.Count),
            SweepSampler.Random => new(trainer, space, new RandomSampler(), space.All?.Count ?? int.MaxValue),
            _ => new(trainer, space, new TpeSampler(Math.Clamp(share / 4, FewestRandom, MostRandom)), space.All?.Count ?? int.MaxValue),
        };
    }
}
