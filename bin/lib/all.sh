# shellcheck shell=bash
# Everything the commands of bin/ share.
# shellcheck source-path=SCRIPTDIR
LIBRARY=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=common.sh
. "$LIBRARY/common.sh"
# shellcheck source=packages.sh
. "$LIBRARY/packages.sh"
# shellcheck source=python.sh
. "$LIBRARY/python.sh"
# shellcheck source=processes.sh
. "$LIBRARY/processes.sh"
# shellcheck source=stores.sh
. "$LIBRARY/stores.sh"
# shellcheck source=settings.sh
. "$LIBRARY/settings.sh"
# shellcheck source=services.sh
. "$LIBRARY/services.sh"
