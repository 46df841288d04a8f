using AIaaS.Platform.Datasets;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Tests.Datasets;

public sealed class DownloadAdmissionTests
{
    [Fact]
    public void A_tenant_has_two_downloads_at_once()
    {
        var admission = Admission();
        using var first = admission.Enter("a");
        using (admission.Enter("a"))
        {
            var refusal = Assert.Throws<ProblemException>(() => admission.Enter("a"));

            Assert.Equal((Problem.TooManyRequests, true), (refusal.Problem, refusal.RetryAfter > TimeSpan.Zero));
            Assert.Contains("Wait until one of them ends", refusal.Message, StringComparison.Ordinal);
        }

        admission.Enter("a").Dispose();
    }

    [Fact]
    public void All_tenants_together_have_four()
    {
        var admission = Admission();
        using var first = admission.Enter("a");
        using var second = admission.Enter("b");
        using var third = admission.Enter("c");
        using (admission.Enter("d"))
        {
            var refusal = Assert.Throws<ProblemException>(() => admission.Enter("e"));

            Assert.Equal((Problem.Unavailable, true), (refusal.Problem, refusal.RetryAfter > TimeSpan.Zero));
        }

        admission.Enter("e").Dispose();
    }

    private static DownloadAdmission Admission() => new(new PlatformOptions { Home = "unused" }, TimeProvider.System);
}
