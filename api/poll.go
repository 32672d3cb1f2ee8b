package api

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// How often an export's status may be asked for: pollBurst times at once, as
// those do who wait for a small export, then pollRate times a second. Clients
// are told to come far less often.
const (
	pollBurst = 300
	pollRate  = 5
)

// maxPolled bounds of how many exports the polls are counted.
const maxPolled = 10_000

// polls keeps an account of status requests (Bulk Data 3.0.0, "Bulk Data Status
// Request"). Each export has one client, so it is counted by exports. Other
// processes count for themselves.
type polls struct {
	mu       sync.Mutex
	accounts map[uuid.UUID]pollAccount
}

// pollAccount is how many polls an export had left at a time.
type pollAccount struct {
	left float64
	at   time.Time
}

func newPolls() *polls { return &polls{accounts: map[uuid.UUID]pollAccount{}} }

// allow counts a poll and tells whether it may be answered.
func (p *polls) allow(id uuid.UUID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	account, ok := p.accounts[id]
	if !ok {
		p.makeRoom(now)
		account = pollAccount{left: pollBurst, at: now}
	}
	account.left = account.balance(now)
	account.at = now
	allowed := account.left >= 1
	if allowed {
		account.left--
	}
	p.accounts[id] = account
	return allowed
}

// balance is how many polls are left now.
func (a pollAccount) balance(now time.Time) float64 {
	return min(a.left+now.Sub(a.at).Seconds()*pollRate, pollBurst)
}

// makeRoom drops accounts that say nothing, since they are full again; if all
// are in use, it drops any: that gives a client too much rather than too little.
func (p *polls) makeRoom(now time.Time) {
	if len(p.accounts) < maxPolled {
		return
	}
	for id, account := range p.accounts {
		if account.balance(now) >= pollBurst {
			delete(p.accounts, id)
		}
	}
	for id := range p.accounts {
		if len(p.accounts) < maxPolled {
			return
		}
		delete(p.accounts, id)
	}
}
