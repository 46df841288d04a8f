using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;

namespace AIaaS.Platform.Tests.Security;

public sealed class CallerTests
{
    [Theory]
    [InlineData(Role.Reader, 1)]
    [InlineData(Role.Predictor, 2)]
    [InlineData(Role.Trainer, 3)]
    [InlineData(Role.Admin, 4)]
    public void A_role_may_do_what_the_ones_before_it_may(Role role, int expected)
        => Assert.Equal(Enum.GetValues<Role>().Take(expected), Enum.GetValues<Role>().Where(new Caller("t", role, "s").MayActAs));

    [Theory]
    [InlineData("default", Role.Admin, "acme", true)]
    [InlineData("default", Role.Trainer, "acme", false)]
    [InlineData("acme", Role.Admin, "default", false)]
    [InlineData("acme", Role.Admin, "acme", true)]
    public void Only_admins_of_the_default_tenant_name_other_tenants(string tenant, Role role, string requested, bool allowed)
    {
        var caller = new Caller(tenant, role, "s");

        if (allowed)
        {
            Assert.Equal(requested, caller.RequireTenant(requested));
        }
        else
        {
            Assert.Equal(Problem.Forbidden, Assert.Throws<ProblemException>(() => caller.RequireTenant(requested)).Problem);
        }
    }

    [Fact]
    public void A_tenant_out_of_pattern_is_refused()
        => Assert.Equal("tenant", Assert.Throws<ProblemException>(() => new Caller("default", Role.Admin, "s").RequireTenant("_keys")).Field);
}
