using AIaaS.Formats;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Tests.Pipelines;

public sealed class PipelineReaderTests
{
    private const string Whole = """
        target: churned
        task: classification
        clean: { duplicates: keep }
        split: { holdout: 0.25, seed: 7 }
        trainers: [linear]
        compute: { cluster: gpu }
        gate: { metric: auc, minimum: 0.8 }
        deploy: { endpoint: churn }
        """;

    [Fact]
    public void Every_field_is_read()
    {
        var read = PipelineReader.Read(Whole);

        Assert.Equal(("churned", LearningTask.Classification, DuplicateHandling.Keep), (read.Target, read.Task, read.Clean.Duplicates.Action));
        Assert.Equal((0.25, 7L, "gpu", "churn"), (read.Split.Holdout, read.Split.Seed, read.Compute.Cluster, read.Deploy.Endpoint));
        Assert.Equal(("auc", 0.8, null), (read.Gate!.Metric, read.Gate.Minimum, read.Gate.Maximum));
        Assert.Equal(["linear"], read.Trainers);
    }

    [Fact]
    public void Json_is_yaml()
    {
        var read = PipelineReader.Read("""{"target":"churned","split":{"holdout":0.3}}""");

        Assert.Equal(("churned", 0.3), (read.Target, read.Split.Holdout));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing said\n")]
    [InlineData("---\n")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("target:\ntask: ~\n")]
    public void What_is_not_said_has_its_default(string text)
    {
        var read = PipelineReader.Read(text);

        Assert.Equal((null, null, 0.2, 42L), (read.Target, read.Task, read.Split.Holdout, read.Split.Seed));
    }

    [Theory]
    [InlineData("target: '42'", "42")]
    [InlineData("target: \"true\"", "true")]
    [InlineData("target: !!str 42", "42")]
    [InlineData("target: yes", "yes")]
    [InlineData("target: 1_000", "1_000")]
    [InlineData("target: .inf", ".inf")]
    [InlineData("target: |-\n  null", "null")]
    public void What_the_core_schema_has_as_text_stays_text(string text, string target)
    {
        Assert.Equal(target, PipelineReader.Read(text).Target);
    }

    [Theory]
    [InlineData("split: { seed: +5 }", 5L)]
    [InlineData("split: { seed: -0 }", 0L)]
    [InlineData("split: { seed: 007 }", 7L)]
    public void Integers_are_read_as_the_core_schema_has_them(string text, long seed)
    {
        Assert.Equal(seed, PipelineReader.Read(text).Split.Seed);
    }

    [Theory]
    [InlineData("split: { holdout: .25 }")]
    [InlineData("split: { holdout: 2.5e-1 }")]
    [InlineData("split: { holdout: 25E-2 }")]
    public void Numbers_are_read_as_the_core_schema_has_them(string text)
    {
        Assert.Equal(0.25, PipelineReader.Read(text).Split.Holdout);
    }

    [Theory]
    [InlineData("target: [a", "line 2")]
    [InlineData("target: a\n\tb: c", "line 1")]
    [InlineData("target: a: b", "line 1")]
    [InlineData("target: a\ntarget: b", "uplicate")]
    [InlineData("target: a\n!!str target: b", "twice")]
    [InlineData("target: a\n---\ntarget: b", "several")]
    [InlineData("- target", "mapping")]
    [InlineData("churned", "mapping")]
    [InlineData("[a]: b", "keys")]
    [InlineData("target: &t a", "anchors")]
    [InlineData("clean: &c { duplicates: keep }\nsplit: *c", "anchors")]
    [InlineData("&k target: a", "anchors")]
    [InlineData("? &a [ *a ]\n: b", "anchors")]
    [InlineData("&a { *a : b }", "anchors")]
    public void What_is_no_plain_yaml_is_refused(string text, string words)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal(Problem.MalformedBody, refusal.Problem);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[", 30_000)]
    [InlineData("{a: ", 15_000)]
    [InlineData("- ", 30_000)]
    public void However_deep_it_nests_it_is_refused(string opening, int times)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read("x: " + string.Concat(Enumerable.Repeat(opening, times))));

        Assert.Equal(Problem.MalformedBody, refusal.Problem);
    }

    [Theory]
    [InlineData("targe: a", "targe")]
    [InlineData("targe:", "targe")]
    [InlineData("clean: { mising: auto }", "clean.mising")]
    [InlineData("<<: { target: a }", "<<")]
    public void An_unknown_field_is_named(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
        Assert.Contains($"'{field}'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("target: 42", "target")]
    [InlineData("target: ''", "target")]
    [InlineData("target: [a]", "target")]
    [InlineData("task: fortune-telling", "task")]
    [InlineData("task: clustering", "task")]
    [InlineData("task: 1", "task")]
    [InlineData("clean:", "clean")]
    [InlineData("clean: []", "clean")]
    [InlineData("split: ~", "split")]
    [InlineData("trainers:", "trainers")]
    [InlineData("compute:", "compute")]
    [InlineData("deploy:", "deploy")]
    [InlineData("clean: { duplicates: maybe }", "clean.duplicates.action")]
    [InlineData("split: { holdout: 0.04 }", "split.holdout")]
    [InlineData("split: { holdout: 0.51 }", "split.holdout")]
    [InlineData("split: { holdout: .nan }", "split.holdout")]
    [InlineData("split: { holdout: '0.2' }", "split.holdout")]
    [InlineData("split: { seed: 0.5 }", "split.seed")]
    [InlineData("split: { seed: 99999999999999999999 }", "split.seed")]
    [InlineData("trainers: []", "trainers")]
    [InlineData("trainers: [~]", "trainers")]
    [InlineData("trainers: [forest]", "trainers")]
    [InlineData("gate: { metric: beauty, minimum: 1 }", "gate.metric")]
    [InlineData("gate: { metric: auc }", "gate")]
    [InlineData("gate: { minimum: 1 }", "gate.metric")]
    public void A_value_that_is_not_acceptable_is_named(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidValue, field), (refusal.Problem, refusal.Field));
    }

    [Theory]
    [InlineData("compute: { cluster: GPU! }", "compute.cluster")]
    [InlineData("deploy: { endpoint: a/b }", "deploy.endpoint")]
    public void A_name_out_of_pattern_is_named(string text, string field)
    {
        var refusal = Assert.Throws<ProblemException>(() => PipelineReader.Read(text));

        Assert.Equal((Problem.InvalidName, field), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public void Mutilated_definitions_are_refused_or_read_but_never_our_fault()
    {
        const string Alphabet = "{}[]:,-#&*!|>'\"%@`~?<\n\t \u0000\ufeff\u20ac0aT.";
        var random = new Random(11);
        for (var round = 0; round < 3000; round++)
        {
            var text = Whole.ToCharArray().ToList();
            for (var edits = random.Next(1, 6); edits > 0; edits--)
            {
                var at = random.Next(text.Count);
                switch (random.Next(3))
                {
                    case 0: text[at] = Alphabet[random.Next(Alphabet.Length)]; break;
                    case 1: text.Insert(at, Alphabet[random.Next(Alphabet.Length)]); break;
                    default: text.RemoveRange(at, Math.Min(random.Next(1, 20), text.Count - at)); break;
                }

                if (text.Count == 0) text.Add(' ');
            }

            var mutilated = new string([.. text]);
            var failure = Record.Exception(() => PipelineReader.Read(mutilated));
            Assert.True(failure is null or ProblemException, $"{failure} on {mutilated}");
        }
    }
}
